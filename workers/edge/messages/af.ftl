# Wat die kliëntesone sê. Elke sleutel is in elke taal.

# Om elke bladsy
skip = Gaan na die inhoud
nav = Hoofkieslys
nav-overview = Oorsig
nav-history = Geskiedenis
nav-settings = Instellings
language = Taal
account-number = Rekening { $number }
sign-out = Teken uit
error-prefix = Fout:
errors-heading = Dit het nie gewerk nie
to-overview = Na die oorsig
save = Stoor
on = Aan
off = Af

# Aanteken
sign-in = Teken aan
sign-in-lead = Sien jou krediete, en wat van elke aanvulling geword het.
email = E-posadres
password = Wagwoord
link-offer = Stel jou wagwoord, of dit vergeet?
email-missing = Tik jou e-posadres in.
password-missing = Tik jou wagwoord in.
sign-in-wrong = E-posadres en wagwoord pas nie bymekaar nie. Kyk albei na, of laat 'n skakel stuur om 'n nuwe wagwoord te stel.
too-often = { $count ->
    [one] Te veel pogings. Wag 'n minuut en probeer dan weer.
   *[other] Te veel pogings. Wag { $count } minute en probeer dan weer.
}
code-title = Jou kode
code-lead = Maak jou waarmerktoep oop en tik die ses syfers in wat dit vir hierdie rekening wys.
code = Kode van ses syfers
code-missing = Tik die kode in.
code-wrong = Hierdie kode is verkeerd, of is reeds gebruik. Wag vir die volgende een.
code-other = Teken as iemand anders aan
link-title = Stel jou wagwoord
link-lead = Ons stuur 'n skakel na jou e-posadres. Dit maak 'n bladsy oop waar jy 'n nuwe wagwoord kies.
link-send = Stuur vir my 'n skakel
back-to-sign-in = Terug na aanteken
link-sent-title = Kyk in jou e-pos
link-sent = As iemand met hierdie adres aanteken, is 'n skakel op pad daarheen. Dit werk een keer, vir 30 minute.
link-sent-hint = Niks daar ná 'n paar minute nie? Kyk tussen die gemorspos, of vra wie ook al jou boodskapplatform bedryf.
link-useless-title = Hierdie skakel werk nie meer nie
link-useless = Dit is reeds gebruik, of dit is te oud. Laat 'n nuwe een stuur.
password-title = Kies 'n wagwoord
password-new = Nuwe wagwoord
password-hint = Minstens 12 karakters. 'n Paar woorde is maklik om te onthou en moeilik om te raai.
password-again = Dieselfde nog 'n keer
password-set = Stel die wagwoord
password-too-short = Die wagwoord moet minstens 12 karakters hê.
password-too-long = Die wagwoord is te lank: hoogstens 256 grepe.
password-too-plain = Hierdie wagwoord is te maklik om te raai. 'n Paar woorde ná mekaar werk goed.
password-of-address = Die wagwoord mag nie van jou e-posadres gemaak wees nie.
password-differs = Dit is nie dieselfde as hierbo nie.
password-done-title = Jou wagwoord is gestel
password-done = Teken van nou af daarmee aan. Waar jy voorheen aangeteken was, is jy nou uitgeteken.

# Wat nie daar is nie
not-found-title = Hier is niks nie
not-found = Die adres is verkeerd, of wat hier was, is weg.
forged-title = Probeer asseblief weer
forged = Hierdie vorm was te oud, of is nie van hierdie werf af gestuur nie. Niks is verander nie.
malformed-title = Dit is nie verstaan nie
malformed = Niks is verander nie. Gaan terug en probeer weer.
away-title = Nou-nou terug
away = Jou krediete kan nie nou gewys word nie. Stuur en aanvul gaan soos gewoonlik voort. Probeer oor 'n minuut weer.
broken-title = Iets het verkeerd geloop
broken = Dit was ons fout, en dit is aangeteken. Niks is daardeur gehef nie. Probeer later weer.

# Oorsig
overview-title = Jou krediete
no-wallets = Hierdie rekening het nog geen krediete vir enige diens nie.
credits-available = krediete beskikbaar
held-of = { $held } van { $balance } krediete is opsy gesit vir boodskappe wat nou gestuur word.
low-now = Min krediet: jy wou by { $threshold } krediete laat weet word.
balance = Saldo
sent = Gestuur
topup = Aanvulling
added = Bygevoeg
day = Dag
low-notice = Lae-kredietkennisgewing
chart-table = Dieselfde as 'n tabel
chart-title = { $service }-krediete van { $from } tot { $to }
chart-desc = { $sent } krediete is gestuur, { $topups } keer is krediete bygevoeg, en die saldo is { $balance }.
chart-sent-on = { $day }: { $credits } gestuur
chart-topup-on = { $day }: { $credits }

# Outomatiese aanvulling
auto-on = Outo-aanvulling aan
auto-off = Outo-aanvulling af
auto-disabled = Outo-aanvulling gestop
auto-never = Krediete word nie outomaties aangevul nie.
auto-disabled-text = Outomatiese aanvulling is gestop. Geen krediete word bygevoeg totdat dit weer opgestel is nie.
auto-disabled-reason = Outomatiese aanvulling is gestop: { $reason }. Geen krediete word bygevoeg totdat dit weer opgestel is nie.
auto-by-card = By { $threshold } krediete word { $quantity } bygevoeg en van { $card } gehef.
auto-by-some-card = By { $threshold } krediete word { $quantity } bygevoeg en van jou kaart gehef.
auto-by-transfer = By { $threshold } krediete word { $quantity } van die hoofrekening hierheen geskuif.
card = Kaart

# 'n Aanvulling wat aan die gang is, en hoe dit geëindig het
state-waiting = Wag
state-on-its-way = Op pad
state-confirming = Word bevestig
state-parked = Word ondersoek
state-over = Verby
state-succeeded = Bygevoeg
state-failed = Misluk
state-skipped = Nie nodig nie
state-reversed = Teruggeneem
topup-waits-until = 'n Aanvulling wag tot { $time }, want twee kaartaanvullings is minstens { $minutes } minute uitmekaar.
topup-waits-for-us = 'n Aanvulling word om { $time } weer probeer: die betaalstelsel kon nie gevra word nie. Jy hoef niks te doen nie.
topup-waits-for-earlier = 'n Aanvulling wag totdat die vorige een afgehandel is.
topup-on-its-way = 'n Aanvulling is aangevra en word nou-nou gehef.
topup-on-its-way-transfer = 'n Aanvulling is aangevra, en die krediete word nou-nou hierheen geskuif.
topup-confirming = Die betaling word bevestig. Die krediete word bygevoeg sodra dit klaar is.
topup-parked = Die betaalstelsel het nie duidelik gesê wat van die betaling geword het nie. Iemand ondersoek dit; jy hoef niks te doen nie.
topup-failed = Die aanvulling het misluk, en niks is bygevoeg nie.
topup-failed-reason = Niks is bygevoeg nie: { $reason }.
topup-skipped = Dit was nie meer nodig toe dit aan die beurt gekom het nie. Niks is gehef nie.
topup-skipped-reason = Niks is gehef nie: { $reason }.
topup-reversed = Die betaling is teruggegee, en die krediete is teruggeneem.
topup-transferred = { $credits } krediete is van die hoofrekening hierheen geskuif.
topup-charged-card = { $credits } krediete is bygevoeg; { $money } is gehef van die kaart wat op { $last4 } eindig.
topup-charged = { $credits } krediete is bygevoeg; { $money } is van jou kaart gehef.
topup-added = { $credits } krediete is bygevoeg.

# Geskiedenis
history-title = Wat gebeur het
topups = Outomatiese aanvullings
topups-none = Daar was nog geen outomatiese aanvulling nie.
topup-line = { $credits } { $service }-krediete
by-card = per kaart
by-transfer = van die hoofrekening
pages = Bladsye
newest = Nuutste
older = Ouer
ledger = Elke verandering van jou krediete
ledger-lead = Elke sending, aanvulling en aankoop, met wat dit aan die saldo gedoen het.
ledger-of = { $service }: elke verandering
ledger-none = Daar is nog niks nie.
files = Laai 'n maand af
files-lead = Elke inskrywing van 'n maand as 'n CSV-lêer, wat enige sigblad oopmaak.
back-to-history = Terug na die geskiedenis
services = Dienste
when = Wanneer
what = Wat
credits = Krediete
entry-send = { $count ->
    [one] Een boodskap gestuur
   *[other] { $count } boodskappe gestuur
}
entry-topup = Outomatiese aanvulling
entry-transfer-in = Van 'n ander rekening hierheen geskuif
entry-transfer-out = Na 'n ander rekening geskuif
entry-adjustment = Deur die platform aangepas
entry-opening = Aanvangsaldo
entry-purchase = Krediete gekoop
entry-reversal = Ná 'n terugbetaling teruggeneem

# Instellings
contact = Hoe ons jou bereik
contact-lead = Aanvullings, mislukkings en min krediet word per SMS en e-pos laat weet.
mobile = Selfoonnommer
mobile-hint = Met die land se kode: +27 82 000 0001
language-of-notices = Taal
low-credit-of = Lae-kredietkennisgewing vir { $service }
low-credit-lead = Ons laat weet jou een keer wanneer jou krediete tot by hierdie getal daal.
low-credit-threshold = Laat weet my by
low-credit-hint = Krediete. 0: nooit.
low-credit-wrong = Tik 'n getal krediete in, soos 50.
signed-in-as = Jy teken aan as { $email }.
password-now = Jou wagwoord nou
password-change = Verander die wagwoord
password-now-wrong = Dit is nie jou wagwoord nie.
second-step = Tweede stap van aanteken
second-step-lead = Ná jou wagwoord wys 'n toep op jou foon 'n kode. Wie net die wagwoord steel, kan nie aanteken nie.
second-step-set-up = Stel dit op
second-step-change = Verander dit
second-step-scan = Maak 'n waarmerktoep op jou foon oop en skandeer hierdie prent daarmee.
second-step-picture = QR-kode met die geheim wat hieronder as teks staan
second-step-type = Of tik hierdie geheim in die toep in:
code-first = Die kode wat die toep nou wys
second-step-confirm = Skakel dit aan
second-step-is-on = 'n Kode word gevra elke keer wat jy aanteken.
second-step-turn-off = Skakel dit af
back-to-settings = Terug na die instellings
done-contact = Gestoor.
done-low-credit = Die kennisgewing is gestoor.
done-password = Jou wagwoord is verander. Oral elders is jy uitgeteken.
done-second-step = Van nou af word 'n kode gevra wanneer jy aanteken.
done-second-step-off = Geen kode word meer gevra nie.
