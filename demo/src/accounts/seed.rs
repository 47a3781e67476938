//! The account that a newcomer finds in the development profile, and nobody in production.

use abiding::Timestamp;

use crate::{
    database::{Database, DatabaseError},
    settings::ProfileKind,
};

/// Makes the account, or takes its password away.
pub(crate) fn plant(
    database: &Database,
    profile: ProfileKind,
    now: Timestamp,
) -> Result<(), DatabaseError> {
    database.run_at_start(|connection| match profile {
        ProfileKind::Development => {
            // Its password is everybody's already, and stays when somebody signs in by mail.
            let insert = "INSERT INTO user (email, name, password, created_at, proven_at)
                VALUES (?1, ?2, ?3, ?4, ?4) ON CONFLICT DO NOTHING";
            connection.execute(insert, (EMAIL, NAME, HASH, now.as_millis()))
        }
        // Data that began in development must not bring a known password along.
        ProfileKind::Production => {
            let update = "UPDATE user SET password = NULL WHERE email = ? AND password = ?";
            connection.execute(update, (EMAIL, HASH))
        }
    })?;
    Ok(())
}

const NAME: &str = "Thandi Demo";
pub(crate) const EMAIL: &str = "thandi@example.org";
pub(crate) const PASSWORD: &str = "party-at-eight";
/// Of that password, so that a start costs no hashing.
const HASH: &str = "$argon2id$v=19$m=19456,t=2,p=1$LUmM5VZDXIdWGY6jsuGUtw$baNWBwbFWSl/oMtR2jja0QAy3UCwsfNNEW41mcrA1fE";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::accounts::passwords::{Hasher, Password};

    #[tokio::test]
    async fn the_password_that_is_shown_is_the_one_that_was_hashed() {
        let password = Password::from(PASSWORD);
        let hash = Some(String::from(HASH));
        assert!(Hasher::new().verify(&password, hash).await.unwrap());
    }
}
