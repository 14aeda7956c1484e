//! Who a strategy is, and the deterministic ids of its orders.

use crate::LedgerError;
use serde::{Deserialize, Serialize};
use std::{fmt, str::FromStr};

/// The key of a strategy in the ledger: `namespace/name/uid` in a cluster, `name` elsewhere. The uid is part of
/// it, so that an object that was deleted and made again starts with a book of its own.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct StrategyKey(String);

impl StrategyKey {
    /// The key as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for StrategyKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// The identity of a strategy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StrategyIdentity {
    /// The namespace, in a cluster.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    /// The name of the object.
    pub name: String,
    /// The uid of the object, in a cluster.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub uid: Option<String>,
}

fn part(what: &'static str, value: &str) -> Result<(), LedgerError> {
    let plain = value.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'.' || b == b'_');
    if value.is_empty() || value.len() > 253 || !plain {
        return Err(LedgerError::Name {
            what,
            value: value.to_owned(),
            rule: "1 to 253 letters, digits, '-', '.' or '_'",
        });
    }
    Ok(())
}

impl StrategyIdentity {
    /// A strategy that is no object of a cluster.
    ///
    /// # Errors
    /// A name with characters other than letters, digits, `-`, `.` and `_`.
    pub fn local(name: &str) -> Result<Self, LedgerError> {
        part("strategy name", name)?;
        Ok(Self { namespace: None, name: name.to_owned(), uid: None })
    }

    /// A strategy of a cluster.
    ///
    /// # Errors
    /// A part with characters other than letters, digits, `-`, `.` and `_`.
    pub fn cluster(namespace: &str, name: &str, uid: &str) -> Result<Self, LedgerError> {
        part("namespace", namespace)?;
        part("strategy name", name)?;
        part("uid", uid)?;
        Ok(Self { namespace: Some(namespace.to_owned()), name: name.to_owned(), uid: Some(uid.to_owned()) })
    }

    /// The key under which everything of the strategy is stored.
    #[must_use]
    pub fn key(&self) -> StrategyKey {
        let parts = [self.namespace.as_deref(), Some(self.name.as_str()), self.uid.as_deref()];
        StrategyKey(parts.into_iter().flatten().collect::<Vec<_>>().join("/"))
    }
}

impl FromStr for StrategyKey {
    type Err = LedgerError;

    fn from_str(text: &str) -> Result<Self, LedgerError> {
        match text.split('/').collect::<Vec<_>>().as_slice() {
            [name] => Ok(StrategyIdentity::local(name)?.key()),
            [namespace, name, uid] => Ok(StrategyIdentity::cluster(namespace, name, uid)?.key()),
            _ => Err(LedgerError::Name {
                what: "strategy key",
                value: text.to_owned(),
                rule: "name or namespace/name/uid",
            }),
        }
    }
}

/// The id under which an order is known to the ledger and to the broker, at most 128 characters. Whoever decides an
/// order derives it from the decision (strategy, session, ticker, side, count), so that the same decision has the
/// same id on every machine and after every restart.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ClientOrderId(String);

impl ClientOrderId {
    /// The id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for ClientOrderId {
    type Err = LedgerError;

    fn from_str(text: &str) -> Result<Self, LedgerError> {
        let plain = text.bytes().all(|b| b.is_ascii_graphic());
        if text.is_empty() || text.len() > 128 || !plain {
            return Err(LedgerError::Name {
                what: "client order id",
                value: text.to_owned(),
                rule: "1 to 128 printable ASCII characters without spaces",
            });
        }
        Ok(Self(text.to_owned()))
    }
}

impl TryFrom<String> for ClientOrderId {
    type Error = LedgerError;
    fn try_from(text: String) -> Result<Self, LedgerError> {
        text.parse()
    }
}

impl From<ClientOrderId> for String {
    fn from(id: ClientOrderId) -> Self {
        id.0
    }
}

impl fmt::Display for ClientOrderId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_read_back() {
        let cluster = StrategyIdentity::cluster("trading", "momentum", "0a1b-2c").unwrap();
        assert_eq!(cluster.key().as_str(), "trading/momentum/0a1b-2c");
        assert_eq!("trading/momentum/0a1b-2c".parse::<StrategyKey>().unwrap(), cluster.key());
        assert_eq!(StrategyIdentity::local("momentum").unwrap().key().as_str(), "momentum");
        assert!(StrategyIdentity::local("a/b").is_err());
        assert!("a/b".parse::<StrategyKey>().is_err());
    }

    #[test]
    fn client_order_ids_are_what_brokers_take() {
        let id: ClientOrderId = "momentum-20240102-BRK.B-B-1".parse().unwrap();
        assert_eq!(id.as_str(), "momentum-20240102-BRK.B-B-1");
        for bad in ["", "a b", "é", &"x".repeat(129)] {
            assert!(bad.parse::<ClientOrderId>().is_err(), "{bad}");
        }
    }
}
