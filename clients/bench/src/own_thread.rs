//! What goes on beside a load has a thread and connections of its own: on the load's thread, which is busy, it would measure how
//! long that thread takes to come round, and a reader that decompresses would hold up the producers.

use miette::miette;
use tokio::sync::oneshot;

/// Runs `work` on a runtime of its own.
///
/// # Errors
/// As `work`, or there is no thread to be had.
pub async fn on_own_thread<T, F>(name: &str, work: impl FnOnce() -> F + Send + 'static) -> miette::Result<T>
where
    T: Send + 'static,
    F: Future<Output = miette::Result<T>>,
{
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| miette!("no runtime for {name}: {error}"))?;
    let (sender, outcome) = oneshot::channel();
    let body = move || {
        // Whoever waits may have gone.
        let _ = sender.send(runtime.block_on(work()));
    };
    std::thread::Builder::new()
        .name(name.to_owned())
        .spawn(body)
        .map_err(|error| miette!("no thread for {name}: {error}"))?;
    outcome.await.map_err(|_| miette!("the thread of {name} panicked"))?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn its_work_is_on_another_thread_and_its_end_comes_back() {
        let here = std::thread::current().id();
        let there = on_own_thread("beside", async || Ok(std::thread::current().id())).await.expect("no failure");
        assert_ne!(there, here);
        let failed = on_own_thread("beside", async || Err::<(), _>(miette!("as asked"))).await;
        assert_eq!(failed.expect_err("it fails").to_string(), "as asked");
    }

    #[tokio::test]
    async fn a_panic_there_is_an_error_here() {
        let failed = on_own_thread("beside", async || -> miette::Result<()> { panic!("as asked") }).await;
        assert!(failed.expect_err("it panics").to_string().contains("beside"));
    }
}
