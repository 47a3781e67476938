//! A background task that lets a ring follow its keys while the process runs.

use std::{error::Error, time::Duration};

use abiding::{KeyList, KeyRing};
use tokio::task::{JoinHandle, spawn_blocking};

/// Calls `read` every `period`, where it may block, and makes `ring` what it answers, until the handle
/// is aborted. Keys that cannot be read, or that no ring could use, change nothing: the ring stays as
/// it is, and the log says so once, and once more when they can be read again.
///
/// Let a new key wait to sign for longer than `period`, and every process knows it in time. Ten seconds
/// do: reading a file costs microseconds.
///
/// ```
/// use std::time::Duration;
/// # use abiding::KeyList;
/// # async fn example(ring: abiding::KeyRing, source: Source) {
/// let follower = abiding_tower::spawn_key_follower(ring, Duration::from_secs(10), move || source.read());
/// # follower.abort();
/// # }
/// # struct Source;
/// # impl Source { fn read(&self) -> Result<KeyList, abiding::ConfigError> { KeyList::parse("") } }
/// ```
///
/// # Panics
/// Outside a tokio runtime.
pub fn spawn_key_follower<E: Error + Send + 'static>(
    ring: KeyRing,
    period: Duration,
    mut read: impl FnMut() -> Result<KeyList, E> + Send + 'static,
) -> JoinHandle<()> {
    tokio::spawn(async move {
        let mut trouble = None;
        loop {
            tokio::time::sleep(period).await;
            let reading = spawn_blocking(move || (read(), read));
            let Ok((answer, again)) = reading.await else {
                tracing::error!(
                    "reading the session keys panicked; the present keys stay for good"
                );
                return;
            };
            read = again;
            match answer {
                Ok(list) => {
                    if trouble.take().is_some() {
                        tracing::info!("the session keys can be read again");
                    }
                    if ring.replace(&list) {
                        tracing::info!(keys = ?ring.ids(), "the session keys changed");
                    }
                }
                Err(error) => {
                    let told = error.to_string();
                    if trouble.as_ref() != Some(&told) {
                        tracing::error!(
                            error = told,
                            "the session keys cannot be followed; the present ones stay"
                        );
                    }
                    trouble = Some(told);
                }
            }
        }
    })
}

#[cfg(test)]
mod tests {
    use std::{
        io,
        sync::{Arc, Mutex},
    };

    use abiding::{Key, Timestamp};

    use super::*;

    const PERIOD: Duration = Duration::from_secs(10);

    #[tokio::test(start_paused = true)]
    async fn a_ring_follows_what_is_read_and_stays_when_nothing_is() {
        let mut list = KeyList::from(Key::generate().unwrap());
        let ring = list.ring();
        let before = ring.ids();
        let text = Arc::new(Mutex::new(Ok(list.reveal())));
        let source = Arc::clone(&text);
        let read = move || match &*source.lock().unwrap() {
            Ok(text) => KeyList::parse(text).map_err(io::Error::other),
            Err(kind) => Err(io::Error::from(*kind)),
        };
        let follower = spawn_key_follower(ring.clone(), PERIOD, read);
        let look = async || tokio::time::sleep(PERIOD + Duration::from_secs(1)).await;

        look().await;
        assert_eq!(ring.ids(), before);
        let new = list
            .rotate(Key::generate().unwrap(), Timestamp::from_millis(1000))
            .unwrap();
        for wrong in [
            Err(io::ErrorKind::NotFound),
            Ok("garbage".to_owned().into()),
            Ok(String::new().into()),
        ] {
            *text.lock().unwrap() = wrong;
            look().await;
            assert_eq!(ring.ids(), before);
        }
        *text.lock().unwrap() = Ok(list.reveal());
        look().await;
        assert_eq!(ring.ids(), [new, before[0]]);
        follower.abort();
    }
}
