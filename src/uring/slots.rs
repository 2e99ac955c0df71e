//! The table of operations in flight.

use super::operation::Operation;

/// Operations by slot; a slot's generation changes with every use, so that a completion can never be taken for another
/// operation's.
#[derive(Debug, Default)]
pub(super) struct Slots {
    slots: Vec<Slot>,
    free: Vec<u32>,
}

#[derive(Debug)]
struct Slot {
    generation: u32,
    operation: Option<Entry>,
}

#[derive(Debug)]
pub(super) struct Entry {
    pub tag: u64,
    pub operation: Operation,
}

impl Slots {
    /// Stores the operation and returns the `user_data` by which its completion will name it.
    pub fn insert(&mut self, entry: Entry) -> u64 {
        let index = self.free.pop().unwrap_or_else(|| self.grow());
        let slot = &mut self.slots[index as usize];
        slot.operation = Some(entry);
        u64::from(slot.generation) << 32 | u64::from(index)
    }

    fn grow(&mut self) -> u32 {
        self.slots.push(Slot { generation: 0, operation: None });
        u32::try_from(self.slots.len() - 1).expect("operations in flight are bounded by connections and journal writes")
    }

    pub fn get_mut(&mut self, user_data: u64) -> Option<&mut Entry> {
        let slot = self.slots.get_mut(user_data as u32 as usize)?;
        (slot.generation == (user_data >> 32) as u32).then_some(slot.operation.as_mut()).flatten()
    }

    pub fn remove(&mut self, user_data: u64) -> Option<Entry> {
        let index = user_data as u32;
        let slot = self.slots.get_mut(index as usize).filter(|s| s.generation == (user_data >> 32) as u32)?;
        let entry = slot.operation.take()?;
        slot.generation = slot.generation.wrapping_add(1);
        self.free.push(index);
        Some(entry)
    }

    pub fn is_empty(&self) -> bool {
        self.free.len() == self.slots.len()
    }

    /// Takes every operation out without dropping it.
    pub fn leak(&mut self) {
        for slot in &mut self.slots {
            std::mem::forget(slot.operation.take());
        }
        self.slots.clear();
        self.free.clear();
    }
}
