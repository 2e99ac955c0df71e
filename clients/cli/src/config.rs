//! Configurations on the command line: the flags that set them, and the JSON that shows them (`s2-semantics.md` E1,
//! J3).

use clap::builder::{PossibleValuesParser, TypedValueParser};
use riverrun_client::{BasinConfig, PartialStreamConfig, Retention, StorageClass, StreamConfig, TimestampingMode};
use serde::Serialize;

use crate::time::parse_duration;

/// What is said about a stream's configuration; what is left out is kept, or inherited.
#[derive(clap::Args, Clone, PartialEq, Eq, Debug, Default)]
#[command(next_help_heading = "Stream configuration")]
pub struct StreamConfigArgs {
    /// How far a record has got when it is acknowledged: express, this server's disk; standard, the object store
    #[arg(long, value_name = "CLASS", value_parser = storage_class())]
    pub storage_class: Option<StorageClass>,
    /// How long records are kept, like 1d or 2h 30m; or `infinite`
    #[arg(long, value_name = "DURATION", value_parser = parse_retention)]
    pub retention_policy: Option<Retention>,
    /// Which timestamp a record gets
    #[arg(long, value_name = "MODE", value_parser = timestamping_mode())]
    pub timestamping_mode: Option<TimestampingMode>,
    /// Whether clients may set timestamps beyond the time of arrival
    #[arg(long, value_name = "BOOL", num_args = 0..=1, default_missing_value = "true")]
    pub timestamping_uncapped: Option<bool>,
    /// Delete the stream once it has been empty for so long; 0s = never
    #[arg(long, value_name = "DURATION", value_parser = parse_secs)]
    pub delete_on_empty_min_age: Option<u64>,
}

impl StreamConfigArgs {
    pub fn partial(&self) -> PartialStreamConfig {
        PartialStreamConfig {
            storage_class: self.storage_class,
            retention: self.retention_policy,
            timestamping_mode: self.timestamping_mode,
            timestamping_uncapped: self.timestamping_uncapped,
            delete_on_empty_min_age_secs: self.delete_on_empty_min_age,
        }
    }
}

fn storage_class() -> impl TypedValueParser<Value = StorageClass> {
    PossibleValuesParser::new(["standard", "express"]).map(|word| match word.as_str() {
        "standard" => StorageClass::Standard,
        _ => StorageClass::Express,
    })
}

fn timestamping_mode() -> impl TypedValueParser<Value = TimestampingMode> {
    PossibleValuesParser::new(["client-prefer", "client-require", "arrival"]).map(|word| match word.as_str() {
        "client-require" => TimestampingMode::ClientRequire,
        "arrival" => TimestampingMode::Arrival,
        _ => TimestampingMode::ClientPrefer,
    })
}

fn parse_retention(text: &str) -> Result<Retention, String> {
    if text == "infinite" {
        return Ok(Retention::Infinite);
    }
    match parse_secs(text).map_err(|why| format!("{why}, or `infinite`"))? {
        0 => Err("the least is 1s".to_owned()),
        secs => Ok(Retention::Age(secs)),
    }
}

fn parse_secs(text: &str) -> Result<u64, String> {
    let duration = parse_duration(text)?;
    match duration.subsec_nanos() {
        0 => Ok(duration.as_secs()),
        _ => Err("only whole seconds are told apart; write it like 90s, 15m, 1h 30m or 2d".to_owned()),
    }
}

#[derive(Serialize)]
struct StreamJson {
    storage_class: Option<&'static str>,
    retention_policy: Option<RetentionJson>,
    timestamping: TimestampingJson,
    delete_on_empty: DeleteOnEmptyJson,
}

#[derive(Serialize)]
#[serde(rename_all = "snake_case")]
enum RetentionJson {
    Age(u64),
    Infinite {},
}

#[derive(Serialize)]
struct TimestampingJson {
    mode: Option<&'static str>,
    uncapped: Option<bool>,
}

#[derive(Serialize)]
struct DeleteOnEmptyJson {
    min_age_secs: Option<u64>,
}

#[derive(Serialize)]
struct BasinJson {
    default_stream_config: Option<StreamJson>,
    /// Streams are not encrypted.
    stream_cipher: Option<&'static str>,
    create_stream_on_append: bool,
    create_stream_on_read: bool,
}

impl From<PartialStreamConfig> for StreamJson {
    fn from(config: PartialStreamConfig) -> Self {
        Self {
            storage_class: config.storage_class.map(StorageClass::name),
            retention_policy: config.retention.map(|retention| match retention {
                Retention::Age(secs) => RetentionJson::Age(secs),
                Retention::Infinite => RetentionJson::Infinite {},
            }),
            timestamping: TimestampingJson {
                mode: config.timestamping_mode.map(TimestampingMode::name),
                uncapped: config.timestamping_uncapped,
            },
            delete_on_empty: DeleteOnEmptyJson { min_age_secs: config.delete_on_empty_min_age_secs },
        }
    }
}

/// S2's JSON, on lines.
pub fn stream_json(config: StreamConfig) -> String {
    pretty(&StreamJson::from(PartialStreamConfig::from(config)))
}

/// As [`stream_json`]; defaults that are not set are null, and all of them are if none is.
pub fn basin_json(config: &BasinConfig) -> String {
    let defaults = config.default_stream_config;
    pretty(&BasinJson {
        default_stream_config: (defaults != PartialStreamConfig::default()).then(|| defaults.into()),
        stream_cipher: None,
        create_stream_on_append: config.create_stream_on_append,
        create_stream_on_read: config.create_stream_on_read,
    })
}

fn pretty(value: &impl Serialize) -> String {
    serde_json::to_string_pretty(value).expect("numbers and strings always serialize") + "\n"
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        config: StreamConfigArgs,
    }

    fn parsed(args: &str) -> Result<PartialStreamConfig, String> {
        let words = std::iter::once("x").chain(args.split('|').filter(|word| !word.is_empty()));
        Line::try_parse_from(words).map(|line| line.config.partial()).map_err(|error| error.to_string())
    }

    #[test]
    fn j3_each_flag_sets_its_field_and_no_other() {
        let none = PartialStreamConfig::default();
        let age = |secs| Ok(PartialStreamConfig { retention: Some(Retention::Age(secs)), ..none });
        let uncapped = |on| Ok(PartialStreamConfig { timestamping_uncapped: Some(on), ..none });
        let min_age = |secs| Ok(PartialStreamConfig { delete_on_empty_min_age_secs: Some(secs), ..none });
        let class = |class| Ok(PartialStreamConfig { storage_class: Some(class), ..none });
        let mode = |mode| Ok(PartialStreamConfig { timestamping_mode: Some(mode), ..none });
        for (args, wanted) in [
            ("", Ok(none)),
            ("--storage-class|standard", class(StorageClass::Standard)),
            ("--storage-class=express", class(StorageClass::Express)),
            ("--retention-policy|1d", age(86_400)),
            ("--retention-policy|2h 30m", age(9_000)),
            ("--retention-policy|infinite", Ok(PartialStreamConfig { retention: Some(Retention::Infinite), ..none })),
            ("--timestamping-mode|client-prefer", mode(TimestampingMode::ClientPrefer)),
            ("--timestamping-mode|client-require", mode(TimestampingMode::ClientRequire)),
            ("--timestamping-mode|arrival", mode(TimestampingMode::Arrival)),
            ("--timestamping-uncapped", uncapped(true)),
            ("--timestamping-uncapped|false", uncapped(false)),
            ("--delete-on-empty-min-age|15m", min_age(900)),
            ("--delete-on-empty-min-age|0s", min_age(0)),
        ] {
            assert_eq!(parsed(args), wanted, "{args}");
        }
    }

    #[test]
    fn e1_what_no_configuration_can_be_is_refused_with_what_can() {
        for (args, way_out) in [
            ("--storage-class|glacier", "standard, express"),
            ("--retention-policy|0s", "the least is 1s"),
            ("--retention-policy|500ms", "whole seconds"),
            ("--retention-policy|for ever", "or `infinite`"),
            ("--timestamping-mode|mine", "client-prefer, client-require, arrival"),
            ("--timestamping-uncapped|maybe", "true, false"),
            ("--delete-on-empty-min-age|soon", "write it like"),
        ] {
            let error = parsed(args).unwrap_err();
            assert!(error.contains(way_out), "{args}: {error}");
        }
    }

    #[test]
    fn e1_streams_are_shown_in_s2_s_shape() {
        let config = StreamConfig {
            storage_class: StorageClass::Express,
            retention: Retention::Age(604_800),
            timestamping_mode: TimestampingMode::ClientPrefer,
            timestamping_uncapped: false,
            delete_on_empty_min_age_secs: 0,
        };
        insta::assert_snapshot!(stream_json(config), @r#"
        {
          "storage_class": "express",
          "retention_policy": {
            "age": 604800
          },
          "timestamping": {
            "mode": "client-prefer",
            "uncapped": false
          },
          "delete_on_empty": {
            "min_age_secs": 0
          }
        }
        "#);
    }

    #[test]
    fn e1_basins_are_shown_with_null_for_what_is_not_set() {
        insta::assert_snapshot!(basin_json(&BasinConfig::default()), @r#"
        {
          "default_stream_config": null,
          "stream_cipher": null,
          "create_stream_on_append": false,
          "create_stream_on_read": false
        }
        "#);
        let defaults = PartialStreamConfig { retention: Some(Retention::Infinite), ..PartialStreamConfig::default() };
        let config =
            BasinConfig { default_stream_config: defaults, create_stream_on_append: true, ..BasinConfig::default() };
        insta::assert_snapshot!(basin_json(&config), @r#"
        {
          "default_stream_config": {
            "storage_class": null,
            "retention_policy": {
              "infinite": {}
            },
            "timestamping": {
              "mode": null,
              "uncapped": null
            },
            "delete_on_empty": {
              "min_age_secs": null
            }
          },
          "stream_cipher": null,
          "create_stream_on_append": true,
          "create_stream_on_read": false
        }
        "#);
    }
}
