//! Random ids: of streams, journals, puts and processes. The system's, unless a thread was given a seed: then a simulator that
//! runs a whole broker on that thread sees the same ids in every run of one seed (reliability.md D1).

use std::cell::RefCell;

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

thread_local! {
    static SEEDED: RefCell<Option<StdRng>> = const { RefCell::new(None) };
}

/// From now on this thread's ids follow from the seed. For the simulator alone: ids that can be guessed are no ids.
#[doc(hidden)]
pub fn seed_this_thread(seed: u64) {
    SEEDED.set(Some(StdRng::seed_from_u64(seed)));
}

/// # Errors
/// The system gives no random bytes.
pub fn random_id() -> Result<[u8; 16], String> {
    let mut id = [0; 16];
    let is_seeded = SEEDED.with_borrow_mut(|seeded| match seeded {
        Some(random) => {
            random.fill_bytes(&mut id);
            true
        }
        None => false,
    });
    if !is_seeded {
        getrandom::fill(&mut id).map_err(|error| format!("the system gives no random bytes: {error}"))?;
    }
    Ok(id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_differ_and_those_of_a_seeded_thread_repeat() {
        assert_ne!(random_id(), random_id());
        let of_seed = |seed| std::thread::spawn(move || (seed_this_thread(seed), random_id(), random_id())).join();
        let (_, first, second) = of_seed(1).expect("no panic");
        assert_ne!(first, second);
        assert_eq!(of_seed(1).expect("no panic").1, first);
        assert_ne!(random_id(), first, "only that thread's");
    }
}
