# Revocation (A2): lists past their date and their grace, a card revoked while
# its connection is open, responders (OCSP), and the dates of a card that end
# while it is in use.

use strict;
use warnings;

use lib 't/lib';
use DMP;
use DMP::Connection;
use FakeRedis;
use Test::More;

our $Pki = DMP::Pki->copy->share;

our $Search = '/fhir/DocumentReference?patient.identifier='
    . 'urn:oid:1.2.250.1.213.1.4.8%7C285037512000151';

my $always = { since => '2020-01-01', until => '2100-01-01', by => 'patient' };

import_records({
    ins => '285037512000151', status => 'open',
    traits => { family => 'MARTIN', given => 'Jeanne' },
    authorisations => { map { $_ => $always } qw(899700218896 899700314422
        899700451273 899700588637 899700933189 899701445654) },
});

# so that a request waits for the store as long as the test wants it to
our $Fake = FakeRedis->new(redis_address(),
    [qr/^FCALL dmp1_trace/, 'stall', when => 'held']);

redis('HSET', 'dmp:meta', 'deadline_ms', 60000);

our $Denied = 'error_page 495 496 497 = @denied;'
    . 'location @denied { dmp_denied; dmp_resource fhir; }';

DMP::configure(server => $Denied);


# What OpenSSL refuses, for reasons of all kinds
our @Bad = qw(revoked expired future forged production self-signed
    issued-by-card cps-server-ca deep-chain signature-card structure-server
    weak-key);

# The lines of error.log on the list of an authority
our $List = 'dmp list of revoked certificates of';
sub past { return qr/\[crit\] .*$List "TEST AC $_[0]" is past its date: / }
sub over { return qr/\[crit\] .*$List "TEST AC $_[0]" is past its date and its grace: / }
our ($Persons, $Root) = ('IGC-SANTE FORT PERSONNES', 'RACINE IGC-SANTE FORT');


# SECONDS from now, as OpenSSL writes it
sub at
{
    my @t = gmtime(time + $_[0]);

    return sprintf '%04d%02d%02d%02d%02d%02dZ', $t[5] + 1900, $t[4] + 1,
        @t[3, 2, 1, 0];
}

# Dates of a list that was due so long ago
sub due { return { last => '20200101000000Z', next => at(-$_[0]) } }

# The lists of those authorities anew (of all that were ever changed, without
# any), then a reload.
my %changed;
sub lists
{
    my (%lists) = @_;

    @changed{CORE::keys %lists} = values %lists;
    $Pki->crl(%lists ? %lists : map { $_ => {} } CORE::keys %changed);
    $Pki->crls;
    renew();
}

# A reload; the old worker takes nothing new.
sub renew
{
    my $log = log_mark();

    reload();
    wait_for { logged_since($log) =~ /gracefully shutting down/ }
        'the old worker to stop', 15;
}

sub log_mark { -s DMP::error_log() // 0 }
sub logged_since { substr slurp(DMP::error_log()), $_[0] }
sub lines { my ($from, $pattern) = @_; return scalar(() = logged_since($from) =~ /$pattern/g) }

# Whether nginx has taken that connection from the kernel's queue, where its
# end has no inode yet.
sub accepted
{
    my ($socket) = @_;

    my ($ours, $theirs) = map { sprintf ':%04X', $_ } $socket->sockport, $socket->peerport;

    return scalar grep { my @f = split; $f[1] =~ /$theirs$/ && $f[2] =~ /$ours$/ && $f[9] }
        split /\n/, slurp('/proc/net/tcp');
}

# Status and reason of an answer

sub said
{
    my ($r) = @_;

    my $reason = $r->{body} =~ /"urn:dmp:reason","code":"([^"]*)"/ ? " $1" : '';

    return "$r->{status}$reason";
}

our $Rejected = '401 certificate-rejected';

# What a new connection of that card gets
sub shown
{
    my ($card, %o) = @_;

    # what the test's own TLS would not show
    local $ENV{OPENSSL_CONF} = 't/lib/pki/weak-key.cnf' if $card eq 'weak-key';

    my $r = request(get => $Search, as => $card, host => 'localhost', %o);

    return $r->{curl} ? "curl $r->{curl}" : said($r);
}

# Each card of @Bad is refused, and nothing is forwarded.
sub none_hidden
{
    my ($name) = @_;

    my $before = () = backend();

    my %got = map { $_ => shown($_) } @Bad;

    is_deeply(\%got, { map { $_ => $Rejected } @Bad }, "$name: what else is refused");
    is(scalar(() = backend()), $before, "$name: nothing was forwarded");
}

# A server as those of config(), that asks responders instead of lists
sub responders
{
    my ($url) = @_;

    return DMP::config(server => "$Denied ssl_ocsp leaf; ssl_ocsp_responder $url;")
        =~ s/ssl_crl [^;]*;//r;
}

# Another server of the address, cards.test, like that of config()
sub another
{
    my ($lists) = @_;

    my ($server) = DMP::config() =~ /^( {4}server \{.*)/ms;

    $server =~ s/(server_name) [^;]*;/$1 cards.test;/;

    if ($lists) {
        DMP::Pki::run('cp', $Pki->path('crl.pem'), $Pki->path($lists));
        $server =~ s/(ssl_crl) [^;]*;/"$1 " . $Pki->path($lists) . ';'/e;
    }

    return $server;
}

DMP::run();

__DATA__

=== TEST 1: the lists are in date: no word of them
--- code
my $log = log_mark();
lists();
is(shown('morel'), '200', 'served');
none_hidden('in date');
is(lines($log, $List), 0, 'no line');



=== TEST 2: a list past its date, within the grace
--- code
my $log = log_mark();
lists(personnes => due(600));
is(lines($log, past($Persons)), 1, 'said once, at the start');
my ($left) = logged_since($log) =~ /accepted for another (\d+) seconds/;
cmp_ok(abs($left - 24 * 3600 + 600), '<', 30, 'with what is left of the grace');
for my $http ('1.1', '2') {
    my $mark = trace_mark();
    is(shown('morel', http => $http), '200', "HTTP/$http: served");
    my ($entry) = trace($mark);
    is($entry->{body}{actor}{id}, '899700218896', 'and traced as the one it is');
}
none_hidden('in its grace');
is(lines($log, $List), 1, 'no other line, no other list');
--- error_log: is past its date:



=== TEST 3: what the overdue list itself revokes
--- code
$Pki->issue('zoe', 'personnes', 'cps', ID => '899701445654', SN => 'NEUVE',
    GN => 'ZOE', TITLE => 'Médecin', PROFESSION => 10);
is(shown('zoe'), '200', 'a card');
$Pki->revoke('zoe');
lists(personnes => due(600));
for my $http ('1.1', '2') {
    my $mark = trace_mark();
    is(shown('zoe', http => $http), $Rejected, "HTTP/$http: refused");
    my ($entry) = trace($mark);
    is("$entry->{body}{decision} $entry->{body}{rule} $entry->{body}{reason}",
        'deny A2 certificate-rejected', 'and traced');
    is($entry->{body}{actor}{id}, undef, 'without the name in it');
}
is(shown('morel'), '200', 'the others are served');
--- error_log: is past its date:



=== TEST 4: the lists of the whole chain, in their grace at once
--- code
my $log = log_mark();
lists(personnes => due(600), root => due(1200));
is(lines($log, past($_)), 1, "$_: said") for $Persons, $Root;
is(lines($log, $List), 2, 'of these two alone');
is(shown('morel'), '200', 'served');
is(shown('structure'), '403 channel-mismatch', 'another chain of that root, too');
none_hidden('all in their grace');
--- error_log: is past its date:



=== TEST 5: the list of an intermediate, in its grace, with one below that is not
--- code
my $log = log_mark();
lists(personnes => due(25 * 3600), root => due(1200));
is(lines($log, past($Root)), 1, 'one in its grace');
is(lines($log, over($Persons)), 1, 'one over');
is(shown('morel'), $Rejected, 'refused');
is(shown('structure'), '403 channel-mismatch', 'those of the other authority are not');
--- error_log: is past its date



=== TEST 6: the grace is over
--- code
my $log = log_mark();
lists(root => {}, personnes => due(25 * 3600));
is(lines($log, over($Persons)), 1, 'said once, at the start');
my $before = () = backend();
for my $http ('1.1', '2') {
    my $mark = trace_mark();
    is(shown('morel', http => $http), $Rejected, "HTTP/$http: refused");
    my ($entry) = trace($mark);
    is("$entry->{body}{decision} $entry->{body}{rule} $entry->{body}{reason}",
        'deny A2 certificate-rejected', 'and traced');
    like($entry->{body}{actor}{certificate}{serial}, qr/^[0-9a-f]{32}$/,
        'with its serial number');
}
like(logged_since($log), qr/client SSL certificate verify error: \(12:/,
    'by nginx, which sees that the list is overdue');
none_hidden('the grace is over');
is(scalar(() = backend()), $before, 'nothing was forwarded');
is(lines($log, $List), 1, 'no other line');
$log = log_mark();
lists();
is(shown('morel'), '200', 'served again, with the new list');
is(lines($log, $List), 0, 'and no line');
--- error_log: is past its date and its grace:



=== TEST 7: a list of tomorrow
--- code
lists(personnes => { last => at(24 * 3600), next => at(48 * 3600) });
is(shown('morel'), $Rejected, 'refused: it says nothing of today');
lists();
is(shown('morel'), '200', 'served again');



=== TEST 8: no grace
--- dmp: server => $Denied, http => 'dmp_crl_grace 0;'
--- code
my $log = log_mark();
lists(personnes => due(5));
is(lines($log, over($Persons)), 1, 'said at once');
is(shown('morel'), $Rejected, 'refused');
lists();
--- error_log: is past its date and its grace:



=== TEST 9: a list that becomes overdue while nginx runs
--- dmp: server => $Denied, http => 'dmp_crl_grace 4s;'
--- code
my $log = log_mark();
lists(personnes => { last => at(-60), next => at(3) });
my @open = map { DMP::Connection->open(as => 'morel', http => $_) } '1.1', '2';
is(said($_->ask($Search)), '200', "HTTP/$_->{http}: served") for @open;
my $requests = () = backend();
wait_for { lines($log, past($Persons)) } 'the line';
is(scalar(() = backend()), $requests, 'said without any request');
is(said($_->ask($Search)), '200', "HTTP/$_->{http}: served in the grace") for @open;
is(shown('roux'), '200', 'on new connections, too');
wait_for { lines($log, over($Persons)) } 'the other line';
$requests = () = backend();
my $mark = trace_mark();
is(said($_->ask($Search)), $Rejected, "HTTP/$_->{http}: refused after it") for @open;
is_deeply([map { "$_->{body}{decision} $_->{body}{rule}" } trace($mark)],
    ['deny A2', 'deny A2'], 'and traced');
is(shown('roux'), $Rejected, 'new connections, too');
is(scalar(() = backend()), $requests, 'nothing was forwarded');
is(lines($log, $List), 2, 'each line once');
$_->close for @open;
lists();
is(shown('roux'), '200', 'served, with the new list');
--- error_log
is past its date:
is past its date and its grace:



=== TEST 10: two lists of one authority, the old one and the new one
--- code
lists(personnes => due(48 * 3600));
my $old = slurp($Pki->path('personnes.crl'));
$Pki->revoke('petit');
for my $order ('old, new', 'new, old') {
    $Pki->crl(personnes => {});
    $Pki->crls;
    my $all = slurp($Pki->path('crl.pem'));
    open my $out, '>', $Pki->path('crl.pem') or die;
    print $out $order =~ /^old/ ? ($old, $all) : ($all, $old);
    close $out or die;
    my $log = log_mark();
    renew();
    is(lines($log, $List), 0, "$order: no line");
    is(shown('morel'), '200', "$order: served");
    is(shown('petit'), $Rejected, "$order: the new one counts");
}
lists();
--- error_log: is past its date and its grace:



=== TEST 101: the newest counts, though it is past its date and the older is not
--- code
$Pki->crl(personnes => { last => at(-7200), next => at(7200) });
my $old = slurp($Pki->path('personnes.crl'));
$Pki->revoke('pharmacien');
$Pki->crl(personnes => { last => at(-3600), next => at(-60) });
$Pki->crls;
my $all = slurp($Pki->path('crl.pem'));
for my $lists ($old . $all, $all . $old) {
    open my $out, '>', $Pki->path('crl.pem') or die;
    print $out $lists;
    close $out or die;
    my $log = log_mark();
    renew();
    wait_for { lines($log, past($Persons)) } 'the line';
    is(shown('morel'), '200', 'served in its grace');
    is(shown('pharmacien'), $Rejected, 'what it revokes stays revoked');
}
lists();
--- error_log
is past its date:



=== TEST 11: two servers with the same lists: one line
--- dmp: server => $Denied, http => main::another()
--- code
my $log = log_mark();
lists(personnes => due(600));
is(shown('morel', host => $_), '200', "$_: served") for 'localhost', 'cards.test';
is(lines($log, $List), 1, 'one line');
lists();
--- error_log: is past its date:



=== TEST 12: two servers, each with lists of its own
--- dmp: server => $Denied, http => 'dmp_crl_grace 1s;' . main::another('other-crl.pem')
--- code
$Pki->crl(personnes => { last => at(-60), next => at(3) });
$Pki->crls;
rename $Pki->path('crl.pem'), $Pki->path('other-crl.pem') or die;
my $log = log_mark();
lists(personnes => {});
my $c = DMP::Connection->open(as => 'morel', sni => 'cards.test');
my $good = DMP::Connection->open(as => 'morel');
is(said($_->ask($Search)), '200', "$_->{host}: served") for $c, $good;
ok((eval { wait_for { lines($log, over($Persons)) } 'the line' }),
    'the list of the other server is past its date and its grace');
wait_for { shown('morel', host => 'cards.test') ne '200' } 'new ones to be refused there';
is(said($c->ask($Search)), $Rejected, 'the one that is open, too');
is(said($good->ask($Search)), '200', 'at the server with the new list all is well');
is(shown('morel'), '200', 'for new ones, too');
--- error_log
is past its date:
is past its date and its grace:



=== TEST 13: revoked between two requests of a connection
--- code
lists();
my @open = map { DMP::Connection->open(as => 'leroy', http => $_) } '1.1', '2';
is(said($_->ask($Search)), '200', "HTTP/$_->{http}: served") for @open;
my @good = map { DMP::Connection->open(as => 'morel', http => $_) } '1.1', '2';
is(said($_->ask($Search)), '200', "HTTP/$_->{http}: another") for @good;
$Pki->revoke('leroy');
lists();
my $requests = () = backend();
for my $http ('1.1', '2') {
    my $mark = trace_mark();
    is(shown('leroy', http => $http), $Rejected, "HTTP/$http: a new one is refused");
    my ($entry) = trace($mark);
    is("$entry->{body}{decision} $entry->{body}{rule}", 'deny A2', 'and traced');
}
for my $c (@open) {
    is(said($c->ask($Search)), '0', "HTTP/$c->{http}: nothing on the old one");
    ok($c->ended, 'which is closed');
}
is(scalar(() = backend()), $requests, 'nothing was forwarded');
is(shown('morel', http => $_), '200', "HTTP/$_: the others connect anew") for '1.1', '2';



=== TEST 131: revoked before the first request of a connection, or its handshake
--- code
lists();
wait_for { worker_pids() == 1 } 'one worker';
my ($worker) = worker_pids();
my @shaken = map { DMP::Connection->open(as => 'regulator', http => $_) } '1.1', '2';
my @plain = map { IO::Socket::INET->new(PeerAddr => '127.0.0.1:' . tls_port()) or die }
    '1.1', '2';
wait_for { !grep { !accepted($_) } @plain, map { $_->socket } @shaken }
    'all four to be accepted';
$Pki->revoke('regulator');
lists();
my $requests = () = backend();
is(said($shaken[0]->ask($Search)), '503 trace-unavailable', 'the first request is late');
ok($shaken[0]->ended, 'and the last');
is(said($shaken[1]->ask($Search)), '0', 'HTTP/2: nothing');
for my $http ('1.1', '2') {
    my $c = DMP::Connection->open(as => 'regulator', http => $http, socket => shift @plain);
    is(said($c->ask($Search)), '503 trace-unavailable', "HTTP/$http: the handshake is late");
    isnt(said($c->ask($Search)), '200', 'a second request is no better');
    ok($c->ended, 'and it ends');
}
is(scalar(() = backend()), $requests, 'nothing was forwarded');
wait_for { !grep { $_ == $worker } worker_pids() } 'the end of the old worker', 15;



=== TEST 14: revoked while a request of it is in progress
--- dmp: server => $Denied, redis => $Fake->address . ' timeout=60s'
--- code
lists();
wait_for { shown('roux') eq '200' } 'a request that is served';
my $commits = sub { scalar grep { /^FCALL dmp1_trace/ } $Fake->commands };
my @open = map { DMP::Connection->open(as => 'roux', http => $_) } '1.1', '2';
is(said($_->ask($Search)), '200', "HTTP/$_->{http}: served") for @open;
my $before = $commits->();
$Fake->on('held');
my @sent = map { $_->send($Search) } @open;
wait_for { $commits->() > $before } 'them to wait for the store';
$Pki->revoke('roux');
$Pki->crl(personnes => {});
$Pki->crls;
renew();
# behind the one that waits, on the same connection
my @behind = map { $_->send($Search) } @open;
$Fake->off('held');
for my $c (@open) {
    like(said($c->answer(shift @sent)), qr/^(?:200|0)$/,
        "HTTP/$c->{http}: what was in progress may complete");
    is(said($c->answer(shift @behind)), '0', "HTTP/$c->{http}: what came then is not served");
    ok($c->ended, 'and the connection ends');
}
is(shown('roux', http => $_), $Rejected, "HTTP/$_: a new one is refused") for '1.1', '2';



=== TEST 15: a card whose time ends while its connection is open
--- code
$Pki->issue('brief', 'personnes', 'cps', ID => '899701445654', SN => 'BREVE',
    GN => 'ZOE', TITLE => 'Médecin', PROFESSION => 10,
    FROM => '20200101000000Z', UNTIL => at(4));
my $end = time + 4;
my @open = map { DMP::Connection->open(as => 'brief', http => $_) } '1.1', '2';
is(said($_->ask($Search)), '200', "HTTP/$_->{http}: served") for @open;
wait_for { time > $end + 1 } 'the end of the card';
my $requests = () = backend();
my $mark = trace_mark();
is(said($_->ask($Search)), $Rejected, "HTTP/$_->{http}: refused after its end") for @open;
is_deeply([map { "$_->{body}{decision} $_->{body}{rule}" } trace($mark)],
    [('deny A2') x 2], 'and traced');
is(shown('brief'), $Rejected, 'a new connection, too');
is(scalar(() = backend()), $requests, 'nothing was forwarded');



=== TEST 16: a responder instead of lists
--- http_config eval: main::responders($main::Pki->ocsp('personnes'))
--- code
for my $http ('1.1', '2') {
    my $mark = trace_mark();
    is(shown('morel', http => $http), '200', "HTTP/$http: good, served");
    is(shown('revoked', http => $http), $Rejected, "HTTP/$http: revoked, refused");
    is_deeply([map { "$_->{body}{decision} $_->{body}{rule} $_->{body}{reason}" } trace($mark)],
        ['allow G1 none', 'deny A2 certificate-rejected'], 'and both traced');
}
$Pki->issue('late', 'personnes', 'cps', ID => '899701445654', SN => 'TARDIVE',
    GN => 'ZOE', TITLE => 'Médecin', PROFESSION => 10);
is(shown('late'), '200', 'one more');
$Pki->revoke('late');
my $requests = () = backend();
is(shown('late'), $Rejected, 'revoked: known without a reload');
none_hidden('with a responder');
is(shown('structure'), $Rejected, 'one of whom it knows nothing');
is(scalar(() = backend()), $requests, 'nothing was forwarded');



=== TEST 17: the responder does not answer
--- http_config eval: main::responders($main::Pki->ocsp('personnes'))
--- code
is(shown('morel'), '200', 'served');
$Pki->stop_ocsp('personnes');
my $requests = () = backend();
for my $http ('1.1', '2') {
    my $mark = trace_mark();
    is(shown('morel', http => $http), $Rejected, "HTTP/$http: refused");
    my ($entry) = trace($mark);
    is("$entry->{body}{decision} $entry->{body}{rule}", 'deny A2', 'and traced');
}
is(scalar(() = backend()), $requests, 'nothing was forwarded');
