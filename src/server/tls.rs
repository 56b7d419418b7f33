//! TLS configuration: reads a certificate and its key, and explains what is wrong with them.

use std::{io, path::Path, path::PathBuf, sync::Arc};

use rustls::{
    InconsistentKeys, ServerConfig,
    crypto::ring,
    pki_types::{
        CertificateDer, PrivateKeyDer,
        pem::{self, PemObject as _},
    },
    version::{TLS12, TLS13},
};

use crate::config::settings::TlsFiles;

/// Why TLS cannot be set up.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file cannot be read.
    #[error("cannot read {}: {source}; check `server.tls_certificate` and `server.tls_key`", file.display())]
    Unreadable {
        /// The file.
        file: PathBuf,
        /// The operating system's error.
        source: io::Error,
    },
    /// A file lacks what it should hold.
    #[error("{} holds no {what} in PEM, which begins with `-----BEGIN {label}-----`{why}", file.display())]
    Missing {
        /// The file.
        file: PathBuf,
        /// What it should hold.
        what: &'static str,
        /// The first bytes of the file.
        label: &'static str,
        /// The parser's error, if it failed.
        why: String,
    },
    /// The certificate belongs to another key.
    #[error(
        "the key in {} is not that of the certificate in {}: the certificate must stand first in \
         its file, before those that vouch for it",
        key.display(), certificate.display()
    )]
    Mismatch {
        /// The certificate's file.
        certificate: PathBuf,
        /// The key's file.
        key: PathBuf,
    },
    /// Another error.
    #[error("cannot use {} with {}: {source}", certificate.display(), key.display())]
    Refused {
        /// The certificate's file.
        certificate: PathBuf,
        /// The key's file.
        key: PathBuf,
        /// The library's error.
        source: rustls::Error,
    },
}

/// The TLS configuration: versions 1.2 and 1.3, with HTTP/1.1, which WebSockets need.
pub(crate) fn load(files: &TlsFiles) -> Result<ServerConfig, TlsError> {
    let TlsFiles { certificate, key } = files;
    let refused = |source| match source {
        rustls::Error::InconsistentKeys(InconsistentKeys::KeyMismatch) => {
            TlsError::Mismatch { certificate: certificate.clone(), key: key.clone() }
        }
        source => TlsError::Refused { certificate: certificate.clone(), key: key.clone(), source },
    };
    let chain = certificates(certificate)?;
    let secret = private_key(key)?;
    let provider = Arc::new(ring::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&TLS13, &TLS12])
        .map_err(refused)?
        .with_no_client_auth()
        .with_single_cert(chain, secret)
        .map_err(refused)?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(config)
}

fn certificates(file: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let missing = |why| TlsError::Missing {
        file: file.to_owned(),
        what: "certificate",
        label: "CERTIFICATE",
        why,
    };
    let read =
        CertificateDer::pem_file_iter(file).map_err(|error| unreadable(file, error, missing))?;
    let chain: Result<Vec<_>, _> = read.collect();
    let chain = chain.map_err(|error| unreadable(file, error, missing))?;
    if chain.is_empty() { Err(missing(String::new())) } else { Ok(chain) }
}

fn private_key(file: &Path) -> Result<PrivateKeyDer<'static>, TlsError> {
    let missing = |why| TlsError::Missing {
        file: file.to_owned(),
        what: "private key",
        label: "PRIVATE KEY",
        why,
    };
    PrivateKeyDer::from_pem_file(file).map_err(|error| unreadable(file, error, missing))
}

fn unreadable(file: &Path, error: pem::Error, missing: impl Fn(String) -> TlsError) -> TlsError {
    match error {
        pem::Error::Io(source) => TlsError::Unreadable { file: file.to_owned(), source },
        pem::Error::NoItemsFound => missing(String::new()),
        error => missing(format!(" ({error})")),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use tempfile::TempDir;

    use super::*;

    fn files(dir: &TempDir, certificate: &str, key: &str) -> TlsFiles {
        let at = |name: &str, text: &str| {
            let path = dir.path().join(name);
            fs::write(&path, text).unwrap();
            path
        };
        TlsFiles { certificate: at("cert.pem", certificate), key: at("key.pem", key) }
    }

    fn pair() -> (String, String) {
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        (made.cert.pem(), made.signing_key.serialize_pem())
    }

    #[test]
    fn a_certificate_with_its_key_is_taken() {
        let dir = tempfile::tempdir().unwrap();
        let (certificate, key) = pair();
        let config = load(&files(&dir, &certificate, &key)).unwrap();
        assert_eq!(config.alpn_protocols, [b"http/1.1"]);
    }

    #[test]
    fn what_is_wrong_with_the_files_is_told_in_words() {
        let dir = tempfile::tempdir().unwrap();
        let (certificate, key) = pair();
        let error = |certificate: &str, key: &str| {
            load(&files(&dir, certificate, key)).unwrap_err().to_string()
        };
        assert!(error(&certificate, &pair().1).contains("is not that of the certificate"));
        assert!(error(&key, &key).contains("cert.pem holds no certificate in PEM"));
        assert!(error("nothing", &key).contains("cert.pem holds no certificate in PEM"));
        assert!(error(&certificate, &certificate).contains("key.pem holds no private key in PEM"));
        let cut = error(&certificate, "-----BEGIN PRIVATE KEY-----\nMIIE");
        assert!(cut.contains("key.pem holds no private key"), "{cut}");
        let gone = TlsFiles { certificate: dir.path().join("gone"), key: dir.path().join("gone") };
        let error = load(&gone).unwrap_err().to_string();
        assert!(error.contains("/gone: No such file"), "{error}");
    }
}
