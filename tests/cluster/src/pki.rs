//! The certificates and keys of one cluster, and the kubeconfigs that carry them.

use std::net::IpAddr;
use std::path::{Path, PathBuf};

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair,
    KeyUsagePurpose, SanType,
};
use serde_json::json;

use crate::error::{FileContext as _, JsonContext as _, Result};

/// The certificate authority of one cluster and the folder that its certificates are written to.
pub(crate) struct Pki {
    folder: PathBuf,
    authority: CertifiedIssuer<'static, KeyPair>,
}

/// The files of a certificate and its key.
#[derive(Clone, Debug)]
pub(crate) struct Identity {
    pub(crate) certificate: PathBuf,
    pub(crate) key: PathBuf,
}

impl Pki {
    /// Makes an authority and the key pair that signs service account tokens.
    pub(crate) fn create(folder: &Path) -> Result<Self> {
        std::fs::create_dir_all(folder).file("make", folder)?;
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, "ats-test-cluster");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages =
            vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign, KeyUsagePurpose::DigitalSignature];
        let authority = CertifiedIssuer::self_signed(params, KeyPair::generate()?)?;
        let pki = Self { folder: folder.to_owned(), authority };
        write(&pki.authority_certificate(), &pki.authority.pem())?;
        write(&pki.authority_key(), &pki.authority.key().serialize_pem())?;

        let accounts = KeyPair::generate()?;
        write(&pki.service_account_key(), &accounts.serialize_pem())?;
        write(&pki.service_account_public_key(), &accounts.public_key_pem())?;
        Ok(pki)
    }

    /// The authority's certificate.
    pub(crate) fn authority_certificate(&self) -> PathBuf {
        self.folder.join("ca.crt")
    }

    /// The authority's key, with which the controller manager signs certificate requests.
    pub(crate) fn authority_key(&self) -> PathBuf {
        self.folder.join("ca.key")
    }

    /// What signs the tokens of service accounts.
    pub(crate) fn service_account_key(&self) -> PathBuf {
        self.folder.join("service-account.key")
    }

    /// What checks the tokens of service accounts.
    pub(crate) fn service_account_public_key(&self) -> PathBuf {
        self.folder.join("service-account.pub")
    }

    /// A certificate that a server shows.
    pub(crate) fn server(&self, name: &str, names: &[&str], addresses: &[IpAddr]) -> Result<Identity> {
        let mut params = CertificateParams::new(names.iter().map(ToString::to_string).collect::<Vec<_>>())?;
        params.subject_alt_names.extend(addresses.iter().copied().map(SanType::IpAddress));
        params.distinguished_name.push(DnType::CommonName, name);
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        self.sign(name, params)
    }

    /// A certificate that a client shows: Kubernetes reads the user from the common name and the groups from the
    /// organisations.
    pub(crate) fn client(&self, file: &str, user: &str, groups: &[&str]) -> Result<Identity> {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, user);
        // rcgen keeps one value of a kind, and no component here is in two groups.
        if let Some(group) = groups.first() {
            params.distinguished_name.push(DnType::OrganizationName, *group);
        }
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        self.sign(file, params)
    }

    /// A kubeconfig for a client with a certificate of its own.
    pub(crate) fn kubeconfig(&self, file: &Path, server: &str, user: &str, groups: &[&str]) -> Result<()> {
        let identity = self.client(&user.replace([':', '/'], "-"), user, groups)?;
        let user = json!({
            "client-certificate": identity.certificate,
            "client-key": identity.key,
        });
        write_kubeconfig(file, server, &self.authority_certificate(), &user)
    }

    fn sign(&self, file: &str, mut params: CertificateParams) -> Result<Identity> {
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature, KeyUsagePurpose::KeyEncipherment];
        params.use_authority_key_identifier_extension = true;
        let key = KeyPair::generate()?;
        let certificate = params.signed_by(&key, &self.authority)?;
        let identity = Identity {
            certificate: self.folder.join(format!("{file}.crt")),
            key: self.folder.join(format!("{file}.key")),
        };
        write(&identity.certificate, &certificate.pem())?;
        write(&identity.key, &key.serialize_pem())?;
        Ok(identity)
    }
}

/// Writes a kubeconfig with one cluster and one user. JSON is YAML too.
pub(crate) fn write_kubeconfig(
    file: &Path,
    server: &str,
    authority: &Path,
    user: &serde_json::Value,
) -> Result<()> {
    let config = json!({
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "ats", "cluster": {"server": server, "certificate-authority": authority}}],
        "users": [{"name": "user", "user": user}],
        "contexts": [{"name": "ats", "context": {"cluster": "ats", "user": "user"}}],
        "current-context": "ats",
    });
    write(file, &serde_json::to_string_pretty(&config).json("a kubeconfig")?)
}

/// Writes a file that only its owner reads.
fn write(path: &Path, text: &str) -> Result<()> {
    use std::io::Write as _;
    use std::os::unix::fs::OpenOptionsExt as _;
    std::fs::OpenOptions::new()
        .create(true)
        .truncate(true)
        .write(true)
        .mode(0o600)
        .open(path)
        .and_then(|mut file| file.write_all(text.as_bytes()))
        .file("write", path)
}
