//! The specification of the fleet: what holds between a send that is published and a person who is told.
//!
//! The modules are its table of contents, a test's name is one sentence of it, and every test runs the real
//! processes on a broker and a database of their own. What a rule decides by itself is told, and tested, in
//! `common/rules`; here stands what only queues, transactions, clocks and processes can break.

// What is sent is paid for, once.
mod bad_messages;
mod history;
mod holds;
mod holds_at_random;
mod leave_to_send;
mod ledger;
mod mutations;
mod sends;

// What runs low is refilled.
mod buying;
mod by_hand;
mod caps;
mod card;
mod card_expiry;
mod disputes;
mod gateway_calls;
mod gateway_day;
mod gateway_trouble;
mod late_success;
mod payments_at_random;
mod purchases;
mod questions;
mod questions_of_purchases;
mod registering;
mod registrations;
mod reversals;
mod settings;
mod settlement;
mod spacing;
mod transfer;
mod trigger;
mod unknown;
mod webhooks;

// Whoever has to know is told.
mod alerts;
mod events;
mod languages;
mod notices;

// Account holders and their platforms act by themselves.
mod access;
mod api;
mod api_accounts;
mod api_history;
mod api_repeats;
mod api_rights;
mod described;
mod personal;
mod signing_in;

// What goes wrong loses nothing and doubles nothing.
mod broker_trouble;
mod clock;
mod commits;
mod crash;
// The points at which a worker can be killed are in builds with debug assertions alone.
#[cfg(debug_assertions)]
mod crash_points;
mod database;
mod delays;
mod deploys;
mod edge_apart;
mod edge_limits;
mod judge;
mod migrations;
mod network;
mod plans;
mod storm;

// What happened can be followed, and the fleet be run by people.
mod dead_letters;
mod doctor;
mod management_page;
mod metrics;
mod operators;
mod pages;
mod pages_auto_topup;
mod pages_buying;
mod pages_by_keyboard;
mod pages_paying;
mod pages_returning;
mod pages_rights;
mod pages_subs;
mod pages_without_scripts;
mod pausing;
mod platform_user;
mod privileges;
mod processes;
mod readme;
mod secrets;
mod setting_up;
mod status;
mod stories;
mod story;
mod terminal;
mod tls;
mod traces;
mod why;

// What several of them share.
mod visit;
