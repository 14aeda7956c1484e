//! Images that were published or deployed, by digest.

use serde::Deserialize;

use crate::{Error, Result};

/// The component that starts the others.
pub const OPERATOR: &str = "operator";

/// An image that was deployed.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Image {
    /// Which component, or `operator`.
    pub component: String,
    /// Registry and repository, perhaps with a tag.
    pub name: String,
    /// Digest, with its algorithm.
    pub digest: String,
}

impl Image {
    /// Reads what `deployment/deploy.sh` notes of an environment, `images/<environment>.json`.
    ///
    /// # Errors
    /// When it is no such list, names no operator, or an image otherwise than by digest.
    pub fn read_all(text: &str) -> Result<Vec<Self>> {
        let images: Vec<Self> =
            serde_json::from_str(text).map_err(|error| Error::form("IMAGES_JSON", &error))?;
        if !images.iter().any(|image| image.component == OPERATOR) {
            return Err(Error::form("IMAGES_JSON", &"does not name the operator's image"));
        }
        for Self { component, digest, .. } in &images {
            let hexadecimal = digest.strip_prefix("sha256:").unwrap_or_default();
            let is_digest =
                hexadecimal.len() == 64 && hexadecimal.bytes().all(|byte| byte.is_ascii_hexdigit());
            if !is_digest {
                let problem =
                    format!("the digest of {component} is {digest:?}: it has to be sha256: and 64 digits");
                return Err(Error::form("IMAGES_JSON", &problem));
            }
        }
        Ok(images)
    }

    /// The variable of the operator that names a component's image.
    #[must_use]
    pub fn variable(&self) -> String {
        format!("ATS_IMAGE_{}", self.component.to_uppercase().replace('-', "_"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_of_images_is_read_or_refused() {
        assert!(Image::read_all("[]").unwrap_err().to_string().contains("does not name the operator"));
        assert!(Image::read_all("{}").is_err());
        assert!(
            Image::read_all(r#"[{"component": "operator"}]"#)
                .unwrap_err()
                .to_string()
                .contains("missing field")
        );
        let of = |digest: &str| {
            Image::read_all(&format!(
                r#"[{{"component": "operator", "name": "r/operator", "digest": "{digest}"}}]"#
            ))
        };
        assert_eq!(of(&format!("sha256:{}", "0".repeat(64))).unwrap().len(), 1);
        for wrong in ["latest", "sha256:12", &format!("sha256:{}", "x".repeat(64))] {
            assert!(of(wrong).unwrap_err().to_string().contains("the digest of operator is"), "{wrong}");
        }
    }
}
