//! A server that is killed or hangs, connections that are cut, and people who leave.

use std::{
    pin::pin,
    sync::atomic::{AtomicU64, Ordering},
    task::Poll,
};

use abiding_testkit::servers::{Cut, Proxy};

use super::*;

/// The session of a task.
fn numbered(n: u8) -> StoreKey {
    StoreKey::from_bytes([n; StoreKey::LEN])
}

const TASKS: u8 = 4;

/// Writes ever higher numbers into a session until the store fails. Notes what was acknowledged.
async fn count_up(store: &TestedStore, task: u8, acknowledged: &AtomicU64) {
    for n in acknowledged.load(Ordering::SeqCst) + 1.. {
        match set(store, &numbered(task), "n", &n.to_string()).await {
            Ok(Committed::Yes(_)) => acknowledged.store(n, Ordering::SeqCst),
            Ok(other) => panic!("{other:?}"),
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}");
                return;
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_acknowledged_is_lost_when_the_server_is_killed() {
    let Some(mut server) = own_server() else {
        return;
    };
    let (store, _) = fresh(&server).await;
    let store = Arc::new(store);
    for task in 0..TASKS {
        let record = sample::record(NOW, in_seconds(60), &[("n", "0")]);
        store.create(&numbered(task), &record, NOW).await.unwrap();
    }
    let acknowledged: Arc<[AtomicU64; TASKS as usize]> = Arc::default();
    for round in 0..4 {
        let tasks: Vec<_> = (0..TASKS)
            .map(|task| {
                let (store, acknowledged) = (Arc::clone(&store), Arc::clone(&acknowledged));
                tokio::spawn(async move {
                    count_up(&store, task, &acknowledged[usize::from(task)]).await
                })
            })
            .collect();
        // At no particular moment: after so many acknowledged writes, and it is busy with more.
        let sum = || {
            acknowledged
                .iter()
                .map(|n| n.load(Ordering::SeqCst))
                .sum::<u64>()
        };
        let moment = sum() + 20 + u64::from(sample::key().as_bytes()[0]);
        while sum() < moment {
            tokio::task::yield_now().await;
        }
        server.kill();
        for task in tasks {
            task.await.unwrap();
        }
        server.start();
        for (task, acknowledged) in (0..TASKS).zip(&*acknowledged) {
            let found = once_back(async || store.load(&numbered(task), NOW).await).await;
            let kept = sample::value(&found.unwrap().record, "n").unwrap();
            let kept = kept.parse().unwrap();
            let acknowledged = acknowledged.swap(kept, Ordering::SeqCst);
            // One more may have been on its way.
            assert!(
                (acknowledged..=acknowledged + 1).contains(&kept),
                "round {round}: {kept} after {acknowledged}"
            );
        }
    }
}

/// What a store answers once it has found its server again.
pub(in super::super) async fn once_back<T>(act: impl AsyncFn() -> Result<T>) -> T {
    loop {
        match act().await {
            Ok(answer) => return answer,
            Err(error) => assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}"),
        }
        tokio::task::yield_now().await;
    }
}

/// A store behind a proxy.
async fn behind(proxy: &Proxy) -> TestedStore {
    let table = fresh_table();
    let url = url_at(proxy.address()) + &format!("?table={table}&connections=1");
    TestedStore::open(&url).await.unwrap()
}

/// RB-3: at any byte, on the way there and on the way back.
#[tokio::test]
async fn a_connection_that_is_cut_leaves_the_whole_change_or_none() {
    let Some(server) = server() else { return };
    let proxy = Proxy::to(server.address());
    let store = behind(&proxy).await;
    let key = begin(&store, in_seconds(600)).await;
    let (mut lost, mut kept) = (0, 0);
    let there = (0..400).step_by(23).map(Cut::AfterSent);
    let back = (0..40).step_by(7).map(Cut::AfterReceived);
    for (n, cut) in there.chain(back).enumerate() {
        let n = n.to_string();
        // On a new connection a statement may be prepared first, which is not what is to be cut here.
        once_back(async || set(&store, &key, "c", &n).await).await;
        proxy.cut(cut);
        let change = sample::change(NOW, &[("a", &n), ("b", &n)], &[]);
        let answer = store.commit(&key, &change, Expect::Any, NOW).await;
        let found = once_back(async || store.load(&key, NOW).await)
            .await
            .unwrap();
        let values = sample::values(&found.record);
        assert_eq!(
            values.get("a"),
            values.get("b"),
            "{cut:?}: half of a change is in"
        );
        let is_in = values.get("a") == Some(&n);
        match answer {
            Ok(Committed::Yes(version)) => {
                assert!(is_in && version == found.record.version, "{cut:?}")
            }
            Ok(other) => panic!("{cut:?}: {other:?}"),
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::Unavailable, "{cut:?}: {error}");
                lost += 1;
                kept += usize::from(is_in);
            }
        }
    }
    assert!(proxy.cuts() >= 20, "{}", proxy.cuts());
    // Of those that came to no answer, some had come into effect, and some had not.
    assert!(lost > kept && kept > 0, "{kept} of {lost}");
}

/// Reads, touches and deletes can be asked twice, so nobody hears of a connection that is lost.
#[tokio::test]
async fn what_can_be_asked_twice_survives_a_lost_connection() {
    let Some(server) = server() else { return };
    let proxy = Proxy::to(server.address());
    let store = behind(&proxy).await;
    let key = begin(&store, in_seconds(600)).await;
    for cut in [
        Cut::AfterSent(10),
        Cut::AfterReceived(0),
        Cut::AfterReceived(10),
    ] {
        proxy.cut(cut);
        assert!(store.load(&key, NOW).await.unwrap().is_some(), "{cut:?}");
        proxy.cut(cut);
        let touched = store.touch(&key, in_seconds(60), NOW).await;
        assert_eq!(touched.unwrap(), Touched::Yes, "{cut:?}");
    }
    proxy.cut(Cut::AfterReceived(0));
    store.delete(&key, None, NOW).await.unwrap();
    assert_eq!(store.load(&key, NOW).await.unwrap(), None);
}

/// RB-6: no request waits without end for a server that hangs, and the store goes on when it does.
#[tokio::test]
async fn a_server_that_hangs_is_told_in_time_and_used_again_when_it_goes_on() {
    let Some(server) = own_server() else { return };
    let table = fresh_table();
    let options = options(&server)
        .table(&table)
        .unwrap()
        .patience(Duration::from_millis(1_500));
    let store = options.open().await.unwrap();
    let key = begin(&store, in_seconds(60)).await;
    hang(&server, true);
    for _ in 0..2 {
        let error = store.load(&key, NOW).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unavailable);
        let expected = format!("load: the database {DATABASE} at ");
        assert!(error.to_string().starts_with(&expected), "{error}");
        assert!(
            error.to_string().contains("did not answer within 1500 ms"),
            "{error}"
        );
    }
    hang(&server, false);
    once_back(async || set(&store, &key, "a", "1").await).await;
    assert_eq!(value(&store, &key, "a").await.as_deref(), Some("1"));
}

/// RB-4: hundreds of people who leave at any moment, and not one who gets the answer of another.
#[tokio::test(flavor = "multi_thread")]
async fn nobody_ever_gets_the_answer_of_somebody_who_left() {
    let Some(server) = server() else { return };
    let table = fresh_table();
    let options = options(server).table(&table).unwrap().connections(2);
    let store = Arc::new(options.open().await.unwrap());
    let tasks: Vec<_> = (0..16)
        .map(|task| {
            let store = Arc::clone(&store);
            tokio::spawn(async move { come_and_go(&store, task).await })
        })
        .collect();
    let mut left = 0;
    for task in tasks {
        left += task.await.unwrap();
    }
    assert!(left > 500, "{left} left before they were answered");
}

/// Answers how often it left before it was answered.
async fn come_and_go(store: &TestedStore, task: usize) -> usize {
    let key = sample::key();
    let own = task.to_string();
    let record = sample::record(NOW, in_seconds(60), &[("owner", &own), ("n", "0")]);
    store.create(&key, &record, NOW).await.unwrap();
    let (mut left, mut last) = (0, 0);
    for n in 1..=150_u64 {
        let polls = usize::from(sample::key().as_bytes()[0]) % 6;
        let number = n.to_string();
        let read = async {
            let found = store.load(&key, NOW).await.unwrap().unwrap();
            assert_eq!(sample::value(&found.record, "owner").as_ref(), Some(&own));
        };
        left += usize::from(!polled(polls, read).await);
        let write = async {
            let written = set(store, &key, "n", &number).await.unwrap();
            assert!(matches!(written, Committed::Yes(_)), "{written:?}");
        };
        let is_done = polled(polls, write).await;
        left += usize::from(!is_done);
        let found = store.load(&key, NOW).await.unwrap().unwrap();
        let values = sample::values(&found.record);
        assert_eq!(values["owner"], own);
        let kept: u64 = values["n"].parse().unwrap();
        assert!(
            kept >= last && kept <= n && (!is_done || kept == n),
            "{kept} after {last} at {n}"
        );
        last = kept;
    }
    left
}

/// Polls `future` so often at most, whenever it asks to be. Whether it came to its end.
async fn polled(times: usize, future: impl Future<Output = ()>) -> bool {
    let mut future = pin!(future);
    let mut left = times;
    std::future::poll_fn(|context| {
        if left == 0 {
            return Poll::Ready(false);
        }
        left -= 1;
        match future.as_mut().poll(context) {
            Poll::Ready(()) => Poll::Ready(true),
            Poll::Pending if left == 0 => Poll::Ready(false),
            Poll::Pending => Poll::Pending,
        }
    })
    .await
}
