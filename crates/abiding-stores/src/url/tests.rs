use super::*;

fn refused(text: &str) -> String {
    text.parse::<StoreUrl>().unwrap_err().to_string()
}

#[test]
fn an_unknown_scheme_is_refused_with_the_nearest_one() {
    for (url, message) in [
        (
            "mem:",
            "`mem:` begins no URL of a store: did you mean `memory:`?",
        ),
        (
            "rdis://:secret@localhost",
            "`rdis:` begins no URL of a store: did you mean `redis:`?",
        ),
        (
            "redis+sentinal://a/b",
            "`redis+sentinal:` begins no URL of a store: did you mean `redis+sentinel:`?",
        ),
        (
            "https://example.org",
            "`https:` begins no URL of a store: docs/stores.md lists those that do",
        ),
    ] {
        assert_eq!(refused(url), message);
    }
}

#[test]
fn what_is_no_url_at_all_is_refused_and_not_repeated() {
    for text in [
        "",
        "secret",
        "/srv/secret",
        "secret word:x",
        "://secret",
        "1secret:",
    ] {
        let error = refused(text);
        assert!(error.contains("has no scheme"), "{error}");
        assert!(!error.contains("secret"), "{error}");
    }
}

/// Every feature that is missing, in whichever build this test runs.
#[test]
fn a_scheme_that_is_not_compiled_in_names_its_feature() {
    for kind in STORES {
        for scheme in kind.schemes {
            let missing = [kind.feature, scheme.feature].into_iter().flatten();
            let missing = missing.into_iter().find(|feature| !feature.enabled);
            let parsed = scheme.example.parse::<StoreUrl>();
            match missing {
                None => assert!(parsed.is_ok(), "{parsed:?}"),
                Some(feature) => assert_eq!(
                    parsed.unwrap_err(),
                    StoreUrlError::Feature {
                        scheme: scheme.name,
                        feature: feature.name
                    }
                ),
            }
            assert!(missing.is_some() || kind.open.is_some(), "{}", kind.name);
        }
    }
}

#[cfg(feature = "sqlite")]
#[test]
fn an_unknown_option_is_refused_with_the_nearest_one() {
    for (url, message) in [
        (
            "sqlite:///a?patiense=1",
            "`sqlite:` has no option `patiense`: did you mean `patience`?",
        ),
        (
            "sqlite:///a?colour=red",
            "`sqlite:` has no option `colour`: they are `name=value`, as docs/stores.md lists them",
        ),
        (
            "sqlite:///a?x3@host",
            "an option behind `sqlite:` has no name: they are `name=value`, as docs/stores.md lists them",
        ),
        (
            "sqlite:///a?patience=0",
            "the option `patience` takes milliseconds, from 1",
        ),
        (
            "sqlite:///a?durability=none",
            "the option `durability` takes `power`, `process`",
        ),
        (
            "sqlite:///a?readers=2&readers=2",
            "the option `readers` is given twice: keep one",
        ),
    ] {
        assert_eq!(refused(url), message);
    }
}

#[cfg(feature = "sqlite")]
#[test]
fn a_path_is_absolute_behind_three_slashes_and_relative_behind_none() {
    for (url, path) in [
        ("sqlite:///var/lib/a.db", "/var/lib/a.db"),
        ("sqlite:data/a.db", "data/a.db"),
        ("SQLite:///a", "/a"),
        ("sqlite:/a%20b%3F.db?readers=2", "/a b?.db"),
        ("sqlite:///caf%C3%A9@home.db", "/café@home.db"),
    ] {
        let parsed: StoreUrl = url.parse().unwrap();
        assert_eq!(parsed.path().unwrap(), PathBuf::from(path));
    }
    for url in ["sqlite:", "sqlite://", "sqlite:///", "sqlite:///srv/"] {
        let parsed: StoreUrl = url.parse().unwrap();
        let error = parsed.path().unwrap_err().to_string();
        assert!(error.contains("it names no file: write it as"), "{error}");
    }
    assert!(refused("sqlite://var/a.db").contains("names a host"));
    for broken in [
        "sqlite:///a%2",
        "sqlite:///a%zz",
        "sqlite:///%FF",
        "sqlite:///%00",
        "sqlite:///a#b",
    ] {
        assert!(refused(broken).contains("percent-encode") || refused(broken).contains("`%25`"));
    }
}

#[cfg(feature = "redis")]
#[test]
fn several_hosts_stand_where_the_scheme_takes_them() {
    for url in [
        "redis+sentinel://ada:p%40ss@one,two:7000,[::1],[::1]:7001/shop/3",
        "redis://[::1]:6379/0",
    ] {
        let parsed: StoreUrl = url.parse().unwrap();
        assert_eq!(*parsed.of_driver(), url);
    }
    assert!(refused("redis://one,two/0").contains("names several hosts"));
    assert!(refused("redis:6379").contains("names no host"));
    for url in [
        "redis://one:port/0",
        "redis+sentinel://one,two:x/s",
        "redis://[::1/0",
        "redis://one:70000",
    ] {
        assert!(
            refused(url).contains("a host or port that is none"),
            "{url}"
        );
    }
}

/// However the password is written, encoded or not, it is not in what is printed.
#[cfg(all(feature = "postgres", feature = "redis"))]
#[test]
fn debug_does_not_leak_a_password_and_neither_does_an_error() {
    for url in [
        "postgres://shop:sesame@db/shop",
        "postgres://shop:sesame%2F1@db1,db2:5433/shop?table=x",
        "postgres://shop@db/shop?password=sesame",
        "redis://:sesame@localhost/1",
        "redis+sentinel://a:b:sesame@one,two/service?sentinel_password=sesame",
        "unix:///run/redis?pass=sesame",
        // Not encoded: refused, or taken for what it is not.
        "postgres://shop:sesame/1@db/shop",
        "postgres://shop:12/sesame@db/shop",
        "postgres://shop:12?sesame@db/shop",
        "postgres://shop:1#sesame@db/shop",
        "postgres://shop:1@sesame@db/shop",
        "postgres://shop:1,sesame:1/2@db/shop",
        "redis://:1?sesame=1@localhost/1",
        "sesame",
    ] {
        let told = match url.parse::<StoreUrl>() {
            Ok(url) => format!("{url} {url:?} {}", url.unusable("so")),
            Err(error) => format!("{error} {error:?}"),
        };
        // A name that stands where an option's does is told as one.
        let named = told.contains("no option `sesame`");
        assert!(named || !told.contains("sesame"), "{url}: {told}");
    }
    let shown: StoreUrl = "postgres://shop:sesame@db1,db2:1/shop?patience=9&password=x"
        .parse()
        .unwrap();
    assert_eq!(
        shown.to_string(),
        "postgres://shop:***@db1,db2:1/shop?patience=9&password=***"
    );
    assert_eq!(
        *shown.of_driver(),
        "postgres://shop:sesame@db1,db2:1/shop?password=x"
    );
}

#[test]
fn a_name_is_that_of_one_store_and_an_option_of_a_store_has_one_meaning() {
    let mut schemes: Vec<_> = STORES
        .iter()
        .flat_map(|kind| kind.schemes)
        .map(|scheme| scheme.name)
        .collect();
    let all = schemes.len();
    schemes.sort_unstable();
    schemes.dedup();
    assert_eq!(schemes.len(), all);
    for kind in STORES {
        for scheme in kind.schemes {
            let mut names: Vec<_> = kind.options_of(scheme).map(|option| option.name).collect();
            let all = names.len();
            names.sort_unstable();
            names.dedup();
            assert_eq!(names.len(), all, "{}", scheme.name);
            assert!(names.iter().all(|name| parts::is_name(name)));
        }
    }
}

#[test]
fn a_store_in_memory_is_opened_by_its_url_and_takes_no_path() {
    use std::{
        pin::pin,
        task::{Context, Poll, Waker},
    };
    let now = |url: &'static str| {
        let mut opening = pin!(open(url));
        match opening
            .as_mut()
            .poll(&mut Context::from_waker(Waker::noop()))
        {
            Poll::Ready(store) => store,
            Poll::Pending => panic!("it waits"),
        }
    };
    assert!(now("memory:").is_ok() && now("memory://").is_ok());
    let error = now("memory:x").unwrap_err().to_string();
    assert!(error.ends_with("nothing follows in `memory:`"), "{error}");
}
