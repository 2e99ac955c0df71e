//! All that is read before and after a measured span, in one place, so that every kind of run reads the same.

use riverrun_client::Client;

use super::generator::{Generator, GeneratorUse};
use super::hiccup::Hiccup;
use super::latencies::Latencies;
use super::pressure::{Pressure, cpu_some_avg10};
use super::server::ServerUse;
use super::stages::{StageTimes, Stages};

#[derive(Debug)]
pub struct Meters {
    server: ServerUse,
    stages: StageTimes,
    generator: GeneratorUse,
    hiccup: Hiccup,
    pressure_before: Option<f64>,
}

#[derive(Debug)]
pub struct Readings {
    pub server_before: ServerUse,
    pub server_after: ServerUse,
    pub stages: Stages,
    pub generator: Generator,
    pub hiccup: Latencies,
    pub pressure: Pressure,
}

impl Meters {
    /// `pressure_before` was read before the run's own load.
    pub async fn start(control: &Client, pressure_before: Option<f64>) -> miette::Result<Self> {
        let stages = StageTimes::read(control).await?;
        let server = ServerUse::read(control).await?;
        Ok(Self { server, stages, generator: GeneratorUse::now(), hiccup: Hiccup::start(), pressure_before })
    }

    pub async fn finish(self, control: &Client, threads: usize, queue_max: u64) -> miette::Result<Readings> {
        let generator = GeneratorUse::now().since(&self.generator, threads, queue_max);
        let hiccup = self.hiccup.finish();
        let server_after = ServerUse::read(control).await?;
        let stages = StageTimes::read(control).await?.since(&self.stages);
        Ok(Readings {
            server_before: self.server,
            server_after,
            stages,
            generator,
            hiccup,
            pressure: Pressure { before: self.pressure_before, after: cpu_some_avg10() },
        })
    }
}
