//! The key that signs logins with a configured token: a file beside the store, or the secret of a cluster.

use std::{
    fs::{self, OpenOptions},
    io::{self, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    path::Path,
};

use uuid::Uuid;

use crate::{config::settings::Settings, signing::SigningKey};

/// In the data directory.
const FILE_NAME: &str = "logins.key";

/// The key of this server's logins. Where it cannot be kept, they end with the server.
pub(super) fn of(settings: &Settings) -> SigningKey {
    if let Some(secret) = &settings.cluster.secret {
        return SigningKey::new(secret.reveal());
    }
    let path = settings.data_dir.join(FILE_NAME);
    let key = kept(&path).unwrap_or_else(|error| {
        log::warn!("logins with a token end with the server path={path:?} error={error}");
        random()
    });
    SigningKey::new(&key)
}

/// What is in the file, which is made where it is missing. One that was not written to its end is made anew.
fn kept(path: &Path) -> io::Result<String> {
    match fs::read_to_string(path) {
        Ok(key) if key.len() == random().len() => return Ok(key),
        Ok(_) => fs::remove_file(path)?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => (),
        Err(error) => return Err(error),
    }
    let key = random();
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(key.as_bytes())?;
    file.sync_all()?;
    Ok(key)
}

/// 244 random bits.
fn random() -> String {
    format!("{}{}", Uuid::new_v4().simple(), Uuid::new_v4().simple())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn the_key_is_made_once_and_read_by_its_owner_alone() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(FILE_NAME);
        let key = kept(&path).unwrap();
        assert_eq!(kept(&path).unwrap(), key);
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        fs::write(&path, &key[..5]).unwrap();
        let anew = kept(&path).unwrap();
        assert!(anew.len() == key.len() && anew != key);
        kept(&dir.path().join("missing/file")).unwrap_err();
    }
}
