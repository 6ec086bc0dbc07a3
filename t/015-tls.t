# What TLS carries, and must not: sessions resumed after a card was revoked,
# renegotiation, host names that share a connection, old cards that sign with
# PKCS#1 v1.5 only; and that connections and certificates leave nothing behind.

use strict;
use warnings;

use lib 't/lib';
use DMP;
use DMP::Connection;
use Test::More;

our $Pki = DMP::Pki->copy->share;
our $Dir = DMP::Proc::dir();

our $Search = '/fhir/DocumentReference?patient.identifier='
    . 'urn:oid:1.2.250.1.213.1.4.8%7C285037512000151';

my $always = { since => '2020-01-01', until => '2100-01-01', by => 'patient' };

import_records({
    ins => '285037512000151', status => 'open',
    traits => { family => 'MARTIN', given => 'Jeanne' },
    authorisations => { map { $_ => $always } qw(899700218896 899700314422
        899700451273 899700588637 899700933189) },
});

our $Denied = 'error_page 495 496 497 = @denied;'
    . 'location @denied { dmp_denied; dmp_resource fhir; }';

DMP::configure(server => $Denied);

our @Versions = ('tls1_2', 'tls1_3');
our $Rejected = '401 certificate-rejected';

# A server whose sessions can be resumed, after a reload too: kept by nginx
# itself, or by the client, as tickets under a key that stays
our $Key = do {
    open my $out, '>:raw', "$Dir/ticket.key" or die;
    print $out map { chr(($_ * 37 + 11) % 256) } 1 .. 80;
    close $out or die;
    "$Dir/ticket.key";
};

our %Resumed = (
    cache => 'ssl_session_cache shared:x:1m; ssl_session_tickets off;',
    tickets => "ssl_session_cache none; ssl_session_ticket_key $Key;",
);

sub resumed_by
{
    my ($how, @more) = @_;

    return (server => "$Denied $Resumed{$how} ssl_protocols TLSv1.2 TLSv1.3;"
        . 'add_header X-Reused $ssl_session_reused always;', @more);
}

# A request on a connection of openssl's own; "in" and "out" are files of a
# TLS session, "options" more of s_client's.  What came back is taken apart.
sub s_client
{
    my (%o) = (sni => 'localhost', host => 'localhost', address => '127.0.0.1',
        version => '', options => '', path => $Search, @_);

    my $pki = pki();
    my $port = tls_port();

    open my $out, '>', "$Dir/s_client.in" or die;
    print $out "GET $o{path} HTTP/1.1\r\nHost: $o{host}\r\n"
        . "Connection: close\r\n\r\n";
    close $out or die;

    my $options = "-connect $o{address}:$port -servername $o{sni} -brief -ign_eof $o{options}";

    $options .= " -$o{version}" if $o{version};
    $options .= " -cert $pki/$o{as}.crt -cert_chain $pki/$o{as}.pem"
        . " -key $pki/$o{as}.key" if $o{as};
    $options .= " -sess_in $Dir/$o{in}" if $o{in};
    $options .= " -sess_out $Dir/$o{out}" if $o{out};

    my $got = `timeout 10 openssl s_client $options <$Dir/s_client.in 2>$Dir/s_client.err`;
    my ($status) = $got =~ m{^HTTP/1\.1 (\d{3}) }m;
    my ($reason) = $got =~ /"urn:dmp:reason","code":"([^"]*)"/;
    my ($reused) = $got =~ /^X-Reused: (\S)/m;
    my $error = slurp("$Dir/s_client.err");
    my ($version) = $error =~ /^Protocol version: (\S+)/m;

    return {
        got => $got, error => $error, version => $version // '',
        said => $status ? join ' ', $status, $reason // () : 'nothing',
        reused => $reused // '',
    };
}

# SECONDS from now, as OpenSSL writes it
sub at
{
    my @t = gmtime(time + $_[0]);

    return sprintf '%04d%02d%02d%02d%02d%02dZ', $t[5] + 1900, $t[4] + 1,
        @t[3, 2, 1, 0];
}

sub log_mark { -s DMP::error_log() // 0 }
sub logged_since { substr slurp(DMP::error_log()), $_[0] }

# A reload; the old worker takes nothing new.
sub renew
{
    my $log = log_mark();

    reload();
    wait_for { logged_since($log) =~ /gracefully shutting down/ }
        'the old worker to stop', 15;
}

# The list of the persons' authority anew, and a reload
sub lists
{
    my (@dates) = @_;

    $Pki->crl(personnes => { @dates });
    $Pki->crls;
    renew();
}

sub said
{
    my ($r) = @_;

    my $reason = $r->{body} =~ /"urn:dmp:reason","code":"([^"]*)"/ ? " $1" : '';

    return "$r->{status}$reason";
}

# One line for each entry: who, and what was decided
sub traced
{
    return map {
        join ' ', $_->{body}{actor}{id} // '-', @{ $_->{body} }{qw(decision rule)}
    } trace($_[0]);
}

# A new session of that card, to be resumed; its name
sub session
{
    my ($card, $version) = @_;

    my $r = s_client(as => $card, version => $version, out => "$card-$version");

    is($r->{reused}, '.', "$version $card: a new session");

    return "$card-$version";
}

# A server as the first, that asks responders: instead of lists; or beside
# them, and then such as know nothing of what is revoked later
our $Elsewhere;
sub responding
{
    my ($lists) = @_;

    my %o = resumed_by('tickets');
    my $pki = $Pki;

    if ($lists) {
        $Pki->issue('late', 'personnes', 'cps', ID => '899700933189',
            SN => 'TARDIVE', GN => 'ZOE', TITLE => 'Médecin', PROFESSION => 10);
        $pki = $Elsewhere = DMP::Pki->copy;
    }

    my $url = $pki->ocsp('personnes');
    my $config = DMP::config(server =>
        "$o{server} ssl_ocsp leaf; ssl_ocsp_responder $url;");

    return $lists ? $config : $config =~ s/ssl_crl [^;]*;//r;
}

# The server of config(), and one like it, cards.test, each with the lines
# given, at 127.0.0.1 both
sub one_address
{
    my ($first, $second) = map { "ssl_protocols $_;" } @_;

    my $config = DMP::config(server => "$Denied $first");
    my ($server) = $config =~ /^( {4}server \{.*)/ms;

    $server =~ s/server_name [^;]*;/server_name cards.test;/;
    $server =~ s/\Q$first/$second/;

    return $config . $server;
}

# The second at an address of its own, as conf/nginx.conf has it
sub addresses
{
    my ($signatures) = slurp('conf/nginx.conf')
        =~ /^\s*(ssl_conf_command\s+ClientSignatureAlgorithms[^;]*;)/m or die;

    my $config = one_address('TLSv1.3', 'TLSv1.2');
    my $port = tls_port();

    $config =~ s/(.*)listen 127\.0\.0\.1:$port/${1}listen 127.0.0.2:$port/s;
    $config =~ s/(ssl_protocols TLSv1\.2;)/$1 $signatures/;

    my $listen = DMP::listen_tls() =~ s/127\.0\.0\.1(\S*) ssl/127.0.0.2$1 ssl default_server/r;

    return $config . "server { $listen server_name _; ssl_protocols TLSv1.2;"
        . ' ssl_reject_handshake on; }';
}

# Those of clients that nginx has not closed
sub connections
{
    my $hex = sprintf ':%04X', tls_port();

    return scalar(() = slurp('/proc/net/tcp') =~ /^ *\d+: \S+$hex \S+ (?!06|0A)/mg);
}

sub rss { slurp("/proc/$_[0]/status") =~ /VmRSS:\s+(\d+)/ ? $1 : 0 }
sub descriptors { scalar(() = glob "/proc/$_[0]/fd/*") }

DMP::run();

__DATA__

=== TEST 1: nginx keeps the sessions: one of a card revoked since is refused
--- dmp: resumed_by('cache')
--- code
for my $version (@Versions) {
    is(s_client(in => session('morel', $version), version => $version)->{said}, '200',
        "$version: resumed and served");
    session('petit', $version);
}
my $requests = () = backend();
$Pki->revoke('petit');
lists();
for my $version (@Versions) {
    my $mark = trace_mark();
    my $r = s_client(in => "petit-$version", version => $version);
    is("$r->{reused} $r->{said}", "r $Rejected", "$version: resumed, and refused");
    $r = s_client(in => "petit-$version", as => 'morel', version => $version);
    is("$r->{reused} $r->{said}", "r $Rejected", "$version: whatever is beside it");
    is_deeply([traced($mark)], [('- deny A2') x 2], "$version: and traced");
    like((trace($mark))[0]{body}{actor}{certificate}{serial}, qr/^[0-9a-f]{32}$/,
        "$version: with its serial number");
}
is(scalar(() = backend()), $requests, 'nothing was forwarded');
for my $version (@Versions) {
    my $mark = trace_mark();
    my $r = s_client(in => "morel-$version", version => $version);
    is("$r->{reused} $r->{said}", 'r 200', "$version: one of a good card is served");
    is_deeply([traced($mark)], ['899700218896 allow G1'], "$version: as that card");
}



=== TEST 2: the clients keep them
--- dmp: resumed_by('tickets')
--- code
for my $version (@Versions) {
    is(s_client(in => session('morel', $version), version => $version)->{said}, '200',
        "$version: resumed and served");
    session('roux', $version);
}
my $requests = () = backend();
$Pki->revoke('roux');
lists();
for my $version (@Versions) {
    my $mark = trace_mark();
    my $r = s_client(in => "roux-$version", version => $version);
    is("$r->{reused} $r->{said}", "r $Rejected", "$version: resumed, and refused");
    is_deeply([traced($mark)], ['- deny A2'], "$version: and traced");
}
is(scalar(() = backend()), $requests, 'nothing was forwarded');
for my $version (@Versions) {
    my $mark = trace_mark();
    my $r = s_client(in => "morel-$version", version => $version);
    is("$r->{reused} $r->{said}", 'r 200', "$version: one of a good card is served");
    is_deeply([traced($mark)], ['899700218896 allow G1'], "$version: as that card");
}



=== TEST 3: a session of a card that was refused is worth no more than the card
--- dmp: resumed_by('tickets')
--- code
for my $version (@Versions) {
    my $r = s_client(as => 'revoked', version => $version, out => "revoked-$version");
    is("$r->{reused} $r->{said}", ". $Rejected", "$version: refused");
    ok(-s "$Dir/revoked-$version", "$version: with a session");
    is(s_client(in => "revoked-$version", version => $version)->{said}, $Rejected,
        "$version: refused again");
}



=== TEST 4: resumed while the list is in its grace, and after it
--- dmp: resumed_by('tickets', http => 'dmp_crl_grace 1h;')
--- code
lists();
session('morel', $_) for @Versions;
lists(last => '20200101000000Z', next => '20260101000000Z');
for my $version (@Versions) {
    my $r = s_client(in => "morel-$version", version => $version);
    is("$r->{reused} $r->{said}", "r $Rejected", "$version: refused after the grace");
}
lists(last => '20200101000000Z', next => at(-60));
for my $version (@Versions) {
    my $r = s_client(in => "morel-$version", version => $version);
    is("$r->{reused} $r->{said}", 'r 200', "$version: served in it");
    $r = s_client(in => "revoked-$version", version => $version);
    is($r->{said}, $Rejected, "$version: but not one that the list revokes");
}
lists();
--- error_log
is past its date and its grace:
is past its date:



=== TEST 5: resumed when a list of its chain becomes overdue
The list of the root, which the intermediate is held against.
--- dmp: resumed_by('tickets', http => 'dmp_crl_grace 1s;')
--- code
session('morel', $_) for @Versions;
my $log = log_mark();
$Pki->crl(root => { last => '20200101000000Z', next => at(3) });
lists();
for my $version (@Versions) {
    my $r = s_client(in => "morel-$version", version => $version);
    is("$r->{reused} $r->{said}", 'r 200', "$version: resumed and served");
}
wait_for { logged_since($log) =~ /FORT" is past its date and its grace/ } 'the line';
for my $version (@Versions) {
    my $r = s_client(in => "morel-$version", version => $version);
    is("$r->{reused} $r->{said}", "r $Rejected", "$version: resumed, and refused");
}
$Pki->crl(root => {});
lists();
--- error_log
is past its date:
is past its date and its grace:



=== TEST 6: resumed, with a responder
--- http_config eval: main::responding()
--- code
session($_->[0], $_->[1]) for map { my $v = $_; map { [$_, $v] } qw(morel leroy) } @Versions;
$Pki->revoke('leroy');
for my $version (@Versions) {
    my $mark = trace_mark();
    my $r = s_client(in => "morel-$version", version => $version);
    is("$r->{reused} $r->{said}", 'r 200', "$version: good, served");
    $r = s_client(in => "leroy-$version", version => $version);
    is("$r->{reused} $r->{said}", "r $Rejected", "$version: revoked, refused");
    is_deeply([traced($mark)], ['899700218896 allow G1', '- deny A2'], "$version: traced");
}



=== TEST 7: resumed, with a responder and lists, of which one knows better
What a list revokes nginx lets no further than the handshake.
--- http_config eval: main::responding('ssl_crl')
--- code
session($_->[0], $_->[1]) for map { my $v = $_; map { [$_, $v] } qw(morel late) } @Versions;
my $requests = () = backend();
$Pki->revoke('late');
lists();
for my $version (@Versions) {
    is($Elsewhere->ask('late', 'personnes'), 'good', 'the responder does not know yet');
    unlike(s_client(in => "late-$version", version => $version)->{said}, qr/^200/,
        "$version: revoked by the list, not served");
}
is(scalar(() = backend()), $requests, 'nothing was forwarded');
for my $version (@Versions) {
    my $r = s_client(in => "morel-$version", version => $version);
    is("$r->{reused} $r->{said}", 'r 200', "$version: good by both, served");
}
lists(last => '20200101000000Z', next => at(-60));
for my $version (@Versions) {
    my $r = s_client(in => "morel-$version", version => $version);
    is("$r->{reused} $r->{said}", 'r 200', "$version: in the grace of the list, too");
}
lists();
--- error_log
X509_verify_cert\(\) failed|SSL_shutdown\(\) failed
is past its date:



=== TEST 8: renegotiation changes nobody into another
--- dmp: server => "$Denied ssl_protocols TLSv1.2;"
--- code
my $pki = pki();
for my $from ('notitle', undef) {
    my $who = $from // 'nobody';
    my $requests = () = backend();
    my $c = DMP::Connection->open(as => $from, tls => 'TLSv1_2');
    like(said($c->ask($Search)), qr/^40[13] /, "$who: refused");
    my $ssl = $c->socket->_get_ssl_object;
    Net::SSLeay::use_certificate_chain_file($ssl, "$pki/morel.pem");
    Net::SSLeay::use_PrivateKey_file($ssl, "$pki/morel.key", 1);
    is(Net::SSLeay::renegotiate($ssl), 1, "$who: begins anew, with the card of another");
    my $did = Net::SSLeay::do_handshake($ssl);
    my $why = Net::SSLeay::ERR_error_string(Net::SSLeay::ERR_get_error());
    cmp_ok($did, '<=', 0, "$who: in vain");
    like($why, qr/no.renegotiation/i, "$who: nginx does not renegotiate");
    unlike(said($c->ask($Search)), qr/^200/, "$who: what is sent then is not served");
    is(scalar(() = backend()), $requests, "$who: nothing was forwarded");
}



=== TEST 9: cards that sign with PKCS#1 v1.5 only have an address of their own
--- http_config eval: main::addresses()
--- code
my @pkcs1 = (as => 'morel', options => '-client_sigalgs RSA+SHA256');
my @cards = (sni => 'cards.test', host => 'cards.test', address => '127.0.0.2');
my $r = s_client(@pkcs1, @cards);
is("$r->{said} $r->{version}", '200 TLSv1.2', 'there they are served');
$r = s_client(as => 'morel', @cards);
is("$r->{said} $r->{version}", '200 TLSv1.2', 'and so are the others');
my $c = DMP::Connection->open(as => 'morel', http => '2', @cards);
is(said($c->ask($Search)), '200', 'over HTTP/2, too');
my $port = tls_port();
my ($asked) = `openssl s_client -connect 127.0.0.2:$port -servername cards.test 2>&1 </dev/null`
    =~ /^Requested Signature Algorithms: (.*)$/m;
is($asked, 'RSA+SHA256:RSA+SHA384:RSA+SHA512:ECDSA+SHA256',
    'no signature is asked for that a card could not make');
my $requests = () = backend();
$r = s_client(@pkcs1);
is("$r->{said} $r->{version}", '401 authentication-required TLSv1.3',
    'at the other, with TLS 1.3, they can show nothing');
is(scalar(() = backend()), $requests, 'nothing was forwarded');
$r = s_client(as => 'morel');
is("$r->{said} $r->{version}", '200 TLSv1.3', 'which serves those that sign with RSA-PSS');



=== TEST 10: the first server of an address sets the versions of TLS there
--- http_config eval: main::one_address('TLSv1.2', 'TLSv1.3')
--- code
my $r = s_client(as => 'morel', version => 'tls1_3', sni => 'cards.test', host => 'cards.test');
is($r->{said}, 'nothing', 'TLS 1.3 is for the other name alone, and refused for both');
like($r->{error}, qr/protocol version/, 'because of the version');
$r = s_client(as => 'morel', version => 'tls1_2', sni => 'cards.test', host => 'cards.test');
is("$r->{said} $r->{version}", '200 TLSv1.2', 'TLS 1.2 is accepted for both');



=== TEST 11: and the other way round
--- http_config eval: main::one_address('TLSv1.3', 'TLSv1.2')
--- code
my $r = s_client(as => 'morel', version => 'tls1_2', sni => 'cards.test', host => 'cards.test');
is($r->{said}, 'nothing', 'TLS 1.2 is for the other name alone, and refused for both');
like($r->{error}, qr/protocol version/, 'because of the version');



=== TEST 12: a connection made for one name carries no request for another
Whether the address serves both, with the same certificate or not (HTTP/2 lets
clients coalesce them).
--- http_config eval: main::one_address('TLSv1.2 TLSv1.3', 'TLSv1.2 TLSv1.3')
--- code
for my $http ('1.1', '2') {
    for my $other ('cards.test', 'fhir.test', 'nobody.test') {
        my $c = DMP::Connection->open(as => 'morel', http => $http, sni => 'localhost');
        is(said($c->ask($Search)), '200', "HTTP/$http: its own name is served");
        my ($mark, $requests) = (trace_mark(), scalar(() = backend()));
        my $r = $c->ask($Search, host => $other);
        is($r->{status}, 421, "HTTP/$http: $other is not");
        unlike($r->{body}, qr/martin/i, 'with nothing of the record');
        is(scalar(() = backend()), $requests, 'nothing was forwarded');
        is_deeply([traced($mark)], [], 'nothing was allowed');
        is(said($c->ask($Search)), '200', "HTTP/2: its own name still is") if $http eq '2';
    }
}
my $c = DMP::Connection->open(as => 'morel', sni => 'fhir.test');
is(said($c->ask($Search)), '200', 'a connection for the other name serves it');



=== TEST 13: nothing is left behind by requests, handshakes and refused cards
--- code
my ($worker) = worker_pids();
my $kept = DMP::Connection->open(as => 'morel');
# among so many, a disk may be late for one: 503, and the client tries again
sub connection_of
{
    my ($as, $status) = @_;

    for (1 .. 5) {
        my $c = DMP::Connection->open(as => $as);
        my $r = $c->ask($Search);
        $c->close;
        return $r->{status} == $status if $r->{status} != 503;
    }
}
my %work = (
    'requests on a connection' => [300, sub {
        for (1 .. 5) {
            my $status = $kept->ask($Search)->{status};
            return $status == 200 if $status != 503;
        }
    }],
    'handshakes with a card' => [200, sub { connection_of('morel', 200) }],
    'refused certificates' => [200, sub { connection_of('revoked', 401) }],
);
for my $what (sort(CORE::keys %work)) {
    my ($times, $do) = @{ $work{$what} };
    $do->() for 1 .. 100;
    wait_for { connections() == 1 } 'the others to be closed';
    my ($memory, $open) = (rss($worker), descriptors($worker));
    is(scalar(grep { $do->() } 1 .. $times), $times, "$times $what");
    wait_for { descriptors($worker) == $open } 'as many descriptors as before';
    cmp_ok(rss($worker) - $memory, '<', 400, 'and memory is flat (kB)');
}
is_deeply([worker_pids()], [$worker], 'all by the same worker');



=== TEST 14: nor by reloads
--- code
my $master = nginx_pid();
my ($memory, $open);
for my $n (1 .. 15) {
    my $c = DMP::Connection->open(as => 'morel');
    is($c->ask($Search)->{status}, 200, "before reload $n");
    my %old = map { $_ => 1 } worker_pids();
    reload();
    wait_for { !grep { $old{$_} } worker_pids() } 'the end of the old worker', 15;
    ($memory, $open) = (rss($master), descriptors($master)) if $n == 5;
}
cmp_ok(rss($master) - $memory, '<', 400, 'memory of the master is flat (kB)');
is(descriptors($master), $open, 'and so are its descriptors');
