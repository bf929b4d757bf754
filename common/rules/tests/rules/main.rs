//! The rules as tables: one row is one sentence, and a test's name begins with the rule that it is about.

#[cfg(test)]
mod access;
#[cfg(test)]
mod amounts;
#[cfg(test)]
mod caps;
#[cfg(test)]
mod cards;
#[cfg(test)]
mod documentation;
#[cfg(test)]
mod events;
#[cfg(test)]
mod given;
#[cfg(test)]
mod holds;
#[cfg(test)]
mod in_step;
#[cfg(test)]
mod inquiries;
#[cfg(test)]
mod lifecycle;
#[cfg(test)]
mod lifecycle_page;
#[cfg(test)]
mod lines;
#[cfg(test)]
mod low_credit;
#[cfg(test)]
mod messages;
#[cfg(test)]
mod messages_at_random;
#[cfg(test)]
mod notices;
#[cfg(test)]
mod one_click;
mod passwords;
mod personal;
#[cfg(test)]
mod prices;
#[cfg(test)]
mod reconcile;
#[cfg(test)]
mod refused_messages;
#[cfg(test)]
mod registration;
#[cfg(test)]
mod retry;
#[cfg(test)]
mod reversals;
#[cfg(test)]
mod reversals_at_random;
#[cfg(test)]
mod sends;
#[cfg(test)]
mod settings;
#[cfg(test)]
mod settle;
#[cfg(test)]
mod standing;
#[cfg(test)]
mod trigger;
#[cfg(test)]
mod wake;
