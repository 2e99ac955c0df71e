//! Configuration: given at creation, shown, changed (`s2-semantics.md` E1, E2, E5).

use riverrun_protocol::config::{Retention, StorageClass, TimestampingMode};

use crate::support::{BASIN, Model, run};

fn json(addr: &str, args: &str) -> serde_json::Value {
    serde_json::from_slice(&run(addr, args).quietly()).unwrap()
}

#[test]
fn e1_a_basin_is_created_with_defaults_for_its_streams() {
    let model = Model::start();
    let addr = &model.addr;
    let flags = "--retention-policy 1d --timestamping-mode arrival --timestamping-uncapped true --storage-class standard \
                 --delete-on-empty-min-age 1h --create-stream-on-read";
    let ran = run(addr, &format!("create-basin test-basin {flags}"));
    assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), "Basin created\n"));
    let shown = run(addr, "get-basin-config s2://test-basin").quietly();
    insta::assert_snapshot!(String::from_utf8(shown).unwrap(), @r#"
    {
      "default_stream_config": {
        "storage_class": "standard",
        "retention_policy": {
          "age": 86400
        },
        "timestamping": {
          "mode": "arrival",
          "uncapped": true
        },
        "delete_on_empty": {
          "min_age_secs": 3600
        }
      },
      "stream_cipher": null,
      "create_stream_on_append": false,
      "create_stream_on_read": true
    }
    "#);
    assert_eq!(run(addr, "create-stream test-basin/logs --storage-class express").code, Some(0));
    let config = model.state().basins[BASIN].streams["logs"].config;
    assert_eq!((config.storage_class, config.retention), (StorageClass::Express, Retention::Age(86_400)));
    assert_eq!((config.timestamping_mode, config.timestamping_uncapped), (TimestampingMode::Arrival, true));
    assert_eq!(config.delete_on_empty_min_age_secs, 3600);
}

#[test]
fn e5_what_is_not_named_stays_as_it_is() {
    let model = Model::with_basin(BASIN);
    let addr = &model.addr;
    run(addr, "create-stream test-basin/logs --retention-policy infinite");
    let changed = json(addr, "reconfigure-stream test-basin/logs --timestamping-mode client-require");
    assert_eq!(changed["timestamping"]["mode"], "client-require");
    assert_eq!(changed["retention_policy"], serde_json::json!({"infinite": {}}));
    assert_eq!(json(addr, "get-stream-config s2://test-basin/logs"), changed);
    let basin = json(addr, "reconfigure-basin test-basin --create-stream-on-append false --retention-policy 30d");
    assert_eq!((&basin["create_stream_on_append"], &basin["create_stream_on_read"]), (&false.into(), &true.into()));
    assert_eq!(basin["default_stream_config"]["retention_policy"]["age"], 30 * 86_400);
    assert_eq!(json(addr, "get-basin-config test-basin"), basin);
}

#[test]
fn changes_that_cannot_be_made() {
    let model = Model::with_basin(BASIN);
    let complaint = |args: &str| run(&model.addr, args).complaint(&model.addr);
    insta::assert_snapshot!(complaint("reconfigure-stream test-basin/logs"), @r"
    exit 2
    Error:   × the stream test-basin/logs was not changed
      ╰─▶ nothing says how
      help: name a setting; --help has them
    ");
    insta::assert_snapshot!(complaint("reconfigure-basin test-basin"), @r"
    exit 2
    Error:   × the basin test-basin was not changed
      ╰─▶ nothing says how
      help: name a setting; --help has them
    ");
    insta::assert_snapshot!(complaint("reconfigure-stream test-basin/logs --retention-policy 1d"), @r"
    exit 1
    Error:   × the stream test-basin/logs was not changed
      ╰─▶ the basin test-basin has no stream `logs`
      help: create it with `riverrun --addr 127.0.0.1:5252 create-stream test-basin/logs`, or see what there is with `riverrun --addr 127.0.0.1:5252 ls test-basin`
    ");
    insta::assert_snapshot!(complaint("get-basin-config test-basim"), @r"
    exit 1
    Error:   × the configuration of test-basim is not known
      ╰─▶ there is no basin `test-basim`
      help: did you mean test-basin? Or create it with `riverrun --addr 127.0.0.1:5252 create-basin test-basim --create-stream-on-append`
    ");
    insta::assert_snapshot!(complaint("create-stream test-basin/logs --retention-policy 0s"), @r"
    exit 2
    error: invalid value '0s' for '--retention-policy <DURATION>': the least is 1s

    For more information, try '--help'.
    ");
}
