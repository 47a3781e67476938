//! What was signed out in the new place, where that was known alone, is not back in the old one after a return.

use std::{fs, path::Path};

use abiding::Manager;
use abiding_stores::keys::KeyFile;
use tokio::runtime::Runtime;

use crate::killed::{SESSIONS, make, migrate, number, scratch};

/// One of the two places, as a node that knows nothing else has it.
async fn alone(folder: &Path, url: &str) -> Manager {
    let (scheme, path) = url.split_once(':').unwrap();
    let url = format!("{scheme}://{}/{path}?durability=process", folder.display());
    let store = abiding_stores::open(&url).await.unwrap();
    let keys = KeyFile::new(folder.join("session.key")).load_or_create();
    Manager::builder(store).keys(keys.unwrap()).build().unwrap()
}

fn answer(folder: &Path, what: &str, more: &[&str]) -> (bool, String) {
    let answer = migrate(folder, what).args(more).output().unwrap();
    let json = String::from_utf8(answer.stdout).unwrap();
    (answer.status.success(), json)
}

/// Whether every second one is still there, and no other.
async fn are_as_they_should_be(old: &Manager, cookies: &[String]) -> bool {
    let mut all = true;
    for (number, cookie) in cookies.iter().enumerate() {
        let found = old.open([cookie.as_bytes()]).get::<usize>("n").await;
        let expected = (number % 2 == 0).then_some(number);
        all &= found.unwrap() == expected;
    }
    all
}

#[test]
fn a_return_that_is_killed_brings_nobody_back_who_was_signed_out() {
    let folder = scratch("comeback");
    let runtime = Runtime::new().unwrap();
    let cookies = runtime.block_on(make(&folder));
    assert!(answer(&folder, "run", &[]).0);
    let old = runtime.block_on(async {
        let new = alone(&folder, "file:new").await;
        for cookie in cookies.iter().skip(1).step_by(2) {
            let session = new.open([cookie.as_bytes()]);
            session.logout();
            new.close(&session, false).await.unwrap();
        }
        alone(&folder, "sqlite:old.db").await
    });
    let journal = folder.join("back.json");
    let back = ["--journal", "back.json", "--parallel=4"];
    let mut running = migrate(&folder, "rollback")
        .args(back)
        .arg("--rate=1500")
        .spawn()
        .unwrap();
    // In the middle of the second part, at no particular moment.
    while !fs::read_to_string(&journal).is_ok_and(|text| text.contains("\"is_brought\":true")) {
        std::thread::yield_now();
    }
    running.kill().unwrap();
    running.wait().unwrap();

    let (is_fine, json) = answer(&folder, "rollback", &back);
    assert!(is_fine, "{json}");
    let ended = number(&json, "/tally/ended_meanwhile");
    assert!(ended <= SESSIONS / 2, "{json}");
    assert!(runtime.block_on(are_as_they_should_be(&old, &cookies)));
    // Once more: there is nothing left to be ended.
    let (is_fine, json) = answer(&folder, "rollback", &back);
    let again = ["/tally/moved_before", "/tally/ended_meanwhile"];
    let again = again.map(|name| number(&json, name));
    assert_eq!((is_fine, again), (true, [SESSIONS / 2, 0]), "{json}");
    fs::remove_dir_all(&folder).unwrap();
}

/// A place that holds nothing may have been lost: then what is left in the other is all that there is.
#[test]
fn a_place_that_was_lost_ends_nothing_until_somebody_says_that_it_was_not() {
    let folder = scratch("lost");
    let runtime = Runtime::new().unwrap();
    let cookies = runtime.block_on(make(&folder));
    assert!(answer(&folder, "run", &[]).0);
    fs::remove_dir_all(folder.join("new")).unwrap();
    drop(runtime.block_on(alone(&folder, "file:new")));
    let old = runtime.block_on(alone(&folder, "sqlite:old.db"));
    let is_there = |cookie: &String| {
        let session = old.open([cookie.as_bytes()]);
        runtime
            .block_on(session.get::<usize>("n"))
            .unwrap()
            .is_some()
    };
    let back = ["--journal", "back.json"];
    let (is_fine, json) = answer(&folder, "rollback", &back);
    let counted = ["/tally/ended_or_lost", "/tally/ended_meanwhile"];
    let counted = counted.map(|name| number(&json, name));
    assert_eq!((is_fine, counted), (false, [SESSIONS, 0]), "{json}");
    assert!(cookies.iter().all(is_there));

    let mut left = cookies.len();
    for more in ["--only-ended", "--none-was-lost"] {
        let (is_fine, json) = answer(&folder, "rollback", &[&back[..], &[more]].concat());
        left -= number(&json, "/tally/ended_meanwhile");
        assert_eq!(is_fine, left == 0, "{more}: {json}");
    }
    assert!(!cookies.iter().any(is_there));
    fs::remove_dir_all(&folder).unwrap();
}
