# What the Client Zone says. Every key is in every language.

# Around every page
skip = Skip to the content
nav = Main
nav-overview = Overview
nav-history = History
nav-settings = Settings
language = Language
account-number = Account { $number }
sign-out = Sign out
error-prefix = Error:
errors-heading = That did not work
to-overview = To the overview
save = Save
on = On
off = Off

# Signing in
sign-in = Sign in
sign-in-lead = See your credits, and what became of each top-up.
email = E-mail address
password = Password
link-offer = Set or forgot your password?
email-missing = Enter your e-mail address.
password-missing = Enter your password.
sign-in-wrong = E-mail address and password do not go together. Check both, or have a link sent to set a new password.
too-often = { $count ->
    [one] Too many tries. Wait a minute, then try again.
   *[other] Too many tries. Wait { $count } minutes, then try again.
}
code-title = Your code
code-lead = Open your authenticator app and enter the six digits that it shows for this account.
code = Six-digit code
code-missing = Enter the code.
code-wrong = This code is not right, or was used before. Wait for the next one.
code-other = Sign in as somebody else
link-title = Set your password
link-lead = We send a link to your e-mail address. It opens a page where you choose a new password.
link-send = Send me a link
back-to-sign-in = Back to signing in
link-sent-title = Look into your mail
link-sent = If somebody signs in with this address, a link is on its way to it. It works once, for 30 minutes.
link-sent-hint = Nothing there after a few minutes? Look among the unwanted mail, or ask whoever runs your messaging platform.
link-useless-title = This link does not work any more
link-useless = It was used before, or it is too old. Have a new one sent.
password-title = Choose a password
password-new = New password
password-hint = At least 12 characters. Several words are easy to remember and hard to guess.
password-again = The same again
password-set = Set the password
password-too-short = The password needs at least 12 characters.
password-too-long = The password is too long: 256 bytes at most.
password-too-plain = This password is too easy to guess. A few words in a row do well.
password-of-address = The password must not be made of your e-mail address.
password-differs = This is not the same as above.
password-done-title = Your password is set
password-done = Sign in with it from now on. Wherever you were signed in before, you are signed out.

# What is not there
not-found-title = There is nothing here
not-found = The address is wrong, or what was here is gone.
forged-title = Please try again
forged = This form was too old, or was not sent from this site. Nothing was changed.
malformed-title = That was not understood
malformed = Nothing was changed. Go back and try again.
away-title = Back in a moment
away = Your credits can't be shown right now. Sending and topping up go on as usual. Try again in a minute.
broken-title = Something went wrong
broken = That was our mistake, and it was noted. Nothing was charged because of it. Try again later.

# Overview
overview-title = Your credits
no-wallets = This account has no credits for any service yet.
credits-available = credits available
held-of = { $held } of { $balance } credits are set aside for messages that are being sent.
low-now = Low credit: you asked to be told at { $threshold } credits.
balance = Balance
sent = Sent
topup = Top-up
added = Added
day = Day
low-notice = Low-credit notice
chart-table = The same as a table
chart-title = { $service } credits from { $from } to { $to }
chart-desc = { $sent } credits were sent, { $topups } times credits were added, and the balance is { $balance }.
chart-sent-on = { $day }: { $credits } sent
chart-topup-on = { $day }: { $credits }

# Automatic top-up
auto-on = Auto top-up on
auto-off = Auto top-up off
auto-disabled = Auto top-up stopped
auto-never = Credits are not topped up automatically.
auto-disabled-text = Automatic top-up is stopped. No credits are added until it is set up again.
auto-disabled-reason = Automatic top-up is stopped: { $reason }. No credits are added until it is set up again.
auto-by-card = At { $threshold } credits, { $quantity } are added and charged to { $card }.
auto-by-some-card = At { $threshold } credits, { $quantity } are added and charged to your card.
auto-by-transfer = At { $threshold } credits, { $quantity } are moved here from the main account.
card = Card

# A top-up under way, and how it ended
state-waiting = Waiting
state-on-its-way = On its way
state-confirming = Being confirmed
state-parked = Being looked into
state-over = Over
state-succeeded = Added
state-failed = Failed
state-skipped = Not needed
state-reversed = Taken back
topup-waits-until = A top-up waits until { $time }, because two card top-ups are at least { $minutes } minutes apart.
topup-waits-for-us = A top-up is tried again at { $time }: the payment gateway could not be asked. You need not do anything.
topup-waits-for-earlier = A top-up waits until the one before it is settled.
topup-on-its-way = A top-up was asked for and is about to be charged.
topup-on-its-way-transfer = A top-up was asked for, and its credits are about to be moved here.
topup-confirming = The payment is being confirmed. Its credits are added as soon as that is done.
topup-parked = The payment gateway has not said clearly what became of the payment. Somebody is looking into it; you need not do anything.
topup-failed = The top-up failed, and nothing was added.
topup-failed-reason = Nothing was added: { $reason }.
topup-skipped = It was not needed any more when its time came. Nothing was charged.
topup-skipped-reason = Nothing was charged: { $reason }.
topup-reversed = The payment was given back, and its credits were taken back.
topup-transferred = { $credits } credits were moved here from the main account.
topup-charged-card = { $credits } credits were added; { $money } was charged to the card ending in { $last4 }.
topup-charged = { $credits } credits were added; { $money } was charged to your card.
topup-added = { $credits } credits were added.

# History
history-title = What happened
topups = Automatic top-ups
topups-none = There has been no automatic top-up yet.
topup-line = { $credits } { $service } credits
by-card = by card
by-transfer = from the main account
pages = Pages
newest = Newest
older = Older
ledger = Every change of your credits
ledger-lead = Each send, top-up and purchase, with what it did to the balance.
ledger-of = { $service }: every change
ledger-none = There is nothing yet.
files = Download a month
files-lead = Every entry of a month as a CSV file, which any spreadsheet opens.
back-to-history = Back to the history
services = Services
when = When
what = What
credits = Credits
entry-send = { $count ->
    [one] One message sent
   *[other] { $count } messages sent
}
entry-topup = Automatic top-up
entry-transfer-in = Moved here from another account
entry-transfer-out = Moved to another account
entry-adjustment = Adjusted by the platform
entry-opening = Opening balance
entry-purchase = Credits bought
entry-reversal = Taken back after a refund

# Settings
contact = How we reach you
contact-lead = Top-ups, failures and low credit are told by SMS and e-mail.
mobile = Mobile number
mobile-hint = With the country's code: +27 82 000 0001
language-of-notices = Language
low-credit-of = Low-credit notice for { $service }
low-credit-lead = We tell you once when your credits fall to this number.
low-credit-threshold = Tell me at
low-credit-hint = Credits. 0: never.
low-credit-wrong = Enter a number of credits, such as 50.
signed-in-as = You sign in as { $email }.
password-now = Your password now
password-change = Change the password
password-now-wrong = This is not your password.
second-step = Second step of signing in
second-step-lead = After your password, an app on your phone shows a code. Who steals the password alone can't sign in.
second-step-set-up = Set it up
second-step-change = Change it
second-step-scan = Open an authenticator app on your phone and scan this picture with it.
second-step-picture = QR code with the secret that stands below as text
second-step-type = Or type this secret into the app:
code-first = The code that the app shows now
second-step-confirm = Turn it on
second-step-is-on = A code is asked for each time you sign in.
second-step-turn-off = Turn it off
back-to-settings = Back to the settings
done-contact = Saved.
done-low-credit = The notice is saved.
done-password = Your password is changed. Everywhere else you are signed out.
done-second-step = From now on a code is asked for when you sign in.
done-second-step-off = No code is asked for any more.
