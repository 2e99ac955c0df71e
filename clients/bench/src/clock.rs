//! The run's one clock, and an alarm that is precise to microseconds (the runtime's own timers are to milliseconds).

use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use miette::{IntoDiagnostic, WrapErr};
use rustix::time::{
    Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create, timerfd_settime,
};
use tokio::io::unix::AsyncFd;

/// Nanoseconds since the run began, monotonic; the same in every task of the generator.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    origin: Instant,
}

impl Clock {
    pub fn start() -> Self {
        Self { origin: Instant::now() }
    }

    pub fn now_ns(self) -> u64 {
        self.origin.elapsed().as_nanos() as u64
    }

    pub fn instant(self, at_ns: u64) -> Instant {
        self.origin + Duration::from_nanos(at_ns)
    }

    pub async fn sleep_until(self, at_ns: u64) {
        tokio::time::sleep_until(self.instant(at_ns).into()).await;
    }
}

#[derive(Debug)]
pub struct Alarm {
    timer: AsyncFd<OwnedFd>,
    armed_ns: Option<u64>,
}

impl Alarm {
    /// # Errors
    /// No timer can be had: too many descriptors.
    #[expect(
        deprecated,
        reason = "its replacement is unsafe; an OwnedFd is always the same descriptor, so this is sound"
    )]
    pub fn new() -> miette::Result<Self> {
        let flags = TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC;
        let timer = timerfd_create(TimerfdClockId::Monotonic, flags)
            .map_err(std::io::Error::from)
            .and_then(AsyncFd::new)
            .into_diagnostic()
            .wrap_err("cannot make a timer; raise the limit of open files (ulimit -n) or lower --producers")?;
        Ok(Self { timer, armed_ns: None })
    }

    /// Returns at or after `at_ns`. Cancel-safe: asked again for the same time, it goes on waiting.
    pub async fn until(&mut self, clock: Clock, at_ns: u64) {
        while clock.now_ns() < at_ns {
            if self.armed_ns != Some(at_ns) {
                self.arm(at_ns.saturating_sub(clock.now_ns()));
                self.armed_ns = Some(at_ns);
            }
            let Ok(mut ready) = self.timer.readable().await else { return };
            // Taken, so that the next wait is for the next ring. Nothing to take: the ring was for an earlier time.
            let rung = rustix::io::read(self.timer.get_ref(), &mut [0; 8]);
            ready.clear_ready();
            if rung.is_ok() {
                self.armed_ns = None;
            }
        }
    }

    fn arm(&self, after_ns: u64) {
        let wait = Timespec {
            tv_sec: (after_ns / 1_000_000_000).cast_signed(),
            // Zero would disarm it.
            tv_nsec: (after_ns % 1_000_000_000).max(1).cast_signed(),
        };
        let once = Itimerspec { it_interval: Timespec { tv_sec: 0, tv_nsec: 0 }, it_value: wait };
        timerfd_settime(&self.timer, TimerfdTimerFlags::empty(), &once).expect("a valid time on a timer of ours");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_alarm_rings_at_its_time_and_again_at_the_next() {
        let (clock, mut alarm) = (Clock::start(), Alarm::new().expect("a timer"));
        for at_ns in [200_000, 100_000, 900_000, 3_000_000] {
            alarm.until(clock, at_ns).await;
            assert!(clock.now_ns() >= at_ns);
        }
    }

    #[tokio::test]
    async fn an_alarm_that_was_given_up_can_be_set_anew() {
        let (clock, mut alarm) = (Clock::start(), Alarm::new().expect("a timer"));
        tokio::select! {
            biased;
            () = alarm.until(clock, u64::MAX / 2) => panic!("not in this century"),
            () = tokio::task::yield_now() => {}
        }
        let at_ns = clock.now_ns() + 1_000_000;
        alarm.until(clock, at_ns).await;
        assert!(clock.now_ns() >= at_ns);
    }
}
