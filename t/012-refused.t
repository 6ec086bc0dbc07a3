# Certificates that make nobody: those that nginx refuses, which "dmp_denied"
# answers and traces, and those that the module refuses itself.  Whom the
# others make is in 012-cards.t.

use strict;
use warnings;

use lib 't/lib';
use DMP;
use FakeRedis;
use IO::Socket::INET;
use Test::More;

our $Ins = '285037512000151';
our $Search = '/fhir/DocumentReference?patient.identifier='
    . "urn:oid:1.2.250.1.213.1.4.8|$Ins";
our $Check = "/fhir/Patient?identifier=urn:oid:1.2.250.1.213.1.4.8|$Ins";

our $Pages = 'error_page 495 496 497 = @denied;';
our $Denied = "$Pages location \@denied { dmp_denied; dmp_resource fhir; }";
our $Problem = "$Pages location \@denied { dmp_denied; }";

import_records({
    ins => $Ins, status => 'open',
    traits => { family => 'MARTIN', given => 'Jeanne' },
    emergency => { bris_de_glace => JSON::PP::true,
        centre_15 => JSON::PP::true, masked => JSON::PP::false },
    authorisations => { '899700218896' => { since => '2020-01-01',
        until => '2100-01-01', by => 'patient' } },
});

our $Fake = FakeRedis->new(redis_address(),
    [qr/^FCALL dmp1_append .*"kind":"access"/s, 'stall', when => 'held']);


# An address of its own for whoever asks for one.
sub address
{
    our $n;

    $n++;

    return sprintf '127.0.%d.%d', 7 + $n / 250, 1 + $n % 250;
}


sub asked
{
    my ($as, $from, @options) = @_;

    # curl would not even load a certificate with a weak key
    local $ENV{OPENSSL_CONF} = 't/lib/pki/weak-key.cnf' if $as eq 'weak-key';

    return request(as => $as, get => $Search, @options,
        options => ['--interface', $from]);
}


# All of an answer but its trace id, whose digits may be any.
sub said
{
    my ($r) = @_;

    my $id = $r->{headers}{'dmp-trace-id'} // 'none';

    return "$r->{head}$r->{body}" =~ s/\Q$id\E//gr;
}


sub reason { $_[0]{json}{issue}[0]{details}{coding}[0]{code} }

# The actor of a refused certificate: which it is, and nobody's name.
sub nobody
{
    my ($name) = @_;

    my $crt = pki() . "/$name.crt";
    my $said = `openssl x509 -in $crt -noout -serial -issuer -nameopt sname,utf8,sep_multiline`;

    my ($serial) = $said =~ /^serial=(\w+)$/m or die "no serial of $name\n";
    my ($issuer) = $said =~ /\bCN=(.*?)(?: \+ .*)?$/m;

    # those of IGC-CPS have no common name
    ($issuer) = $said =~ /^\s*OU=(.*)\n\z/m if !defined $issuer;

    return { kind => 'none', auth => 'none', certificate => {
        serial => lc $serial, issuer => $issuer } };
}

# What nobody vouches for says of itself what it likes: nothing of it is kept.
sub unknown { return { kind => 'none', auth => 'none' } }


# The answer to one whose certificate is refused, or who has none.
sub is_refused
{
    my ($name, $r, $reason) = @_;

    is_deeply([$r->{status}, eval { reason($r) }, $r->{lists}{'www-authenticate'},
        $r->{headers}{'cache-control'}, $r->{headers}{'content-type'}],
        [401, $reason, ['Bearer realm="dmp"'], 'no-store', 'application/fhir+json'],
        "$name: refused");
    unlike(said($r), qr/$Ins|8997|MOREL|martin/i, "$name: nobody is named");
}


# One entry: rule, reason, and the certificate.  Of whom, nothing.
sub is_traced
{
    my ($name, $r, $entry, $rule, $reason, $actor) = @_;

    my $b = $entry->{body} // {};

    is_deeply([@$b{qw(trace kind decision rule reason actor method emergency)},
            $entry->{outcome}],
        [$r->{headers}{'dmp-trace-id'}, 'access', 'deny', $rule, $reason, $actor,
            'GET', JSON::PP::false, 'S'], "$name: traced")
        or diag(JSON::PP->new->canonical->encode($entry));
    is_deeply([grep { exists $b->{$_} } qw(patient documents repeated)], [],
        "$name: of no patient");
}


# Both versions from one address; how often each certificate is traced, and
# with what the log says why.
sub rejected
{
    my ($name, $times, $why) = @_;

    my ($from, $log) = (address(), -s DMP::error_log());
    my ($mark, $seen) = (trace_mark(), scalar backend());
    my @r = map { asked($name, $from, http => $_) } '1.1', '2';
    my @traced = trace($mark);

    is($_->{curl}, 0, "$name: answered") for @r;
    is_refused($name, $_, 'certificate-rejected') for @r;
    is(scalar @traced, $times, "$name: so often traced");

    for my $i (0 .. $times - 1) {
        is_traced($name, $r[$i], $traced[$i], 'A2', 'certificate-rejected',
            $times == 1 ? unknown() : nobody($name));
        is($traced[$i]{body}{client}, $from, "$name: from there");
    }

    is(scalar backend(), $seen, "$name: nothing was forwarded");
    like(substr(slurp(DMP::error_log()), $log), qr/\[info\] .*dmp client certificate rejected: $why/,
        "$name: the log says why");
}


# Bytes over TCP to the port of TLS; what comes back.
sub plain_to_tls
{
    my ($bytes) = @_;

    my $socket = IO::Socket::INET->new(PeerAddr => '127.0.0.1',
        PeerPort => tls_port(), Timeout => 10) or die "connect: $!\n";
    my $answer = '';

    print $socket $bytes;

    local $SIG{ALRM} = sub { die "no end of the answer: $answer\n" };
    alarm 10;
    while (sysread $socket, my $part, 65536) {
        $answer .= $part;
    }
    alarm 0;

    return $answer;
}


# Two authorities beside each other: those for tests and those of production.
sub both_authorities
{
    my (%o) = @_;

    my ($pki, $dir) = (pki(), DMP::Proc::dir());

    for my $file ('ca.pem', 'crl.pem') {
        my $tests = $file eq 'ca.pem' ? "$pki/clients-ca.pem" : "$pki/crl.pem";

        open my $out, '>', "$dir/both-$file" or die;
        print $out slurp($tests), slurp("$pki/production-$file");
        close $out or die;
    }

    return DMP::config(server => $Denied, %o)
        =~ s{\Q$pki\E/clients-ca\.pem}{$dir/both-ca.pem}r
        =~ s{\Q$pki\E/crl\.pem}{$dir/both-crl.pem}r;
}

DMP::run();

__DATA__

=== TEST 1: A2: what an authority of ours has signed is traced each time
--- dmp: server => $Denied
--- code
rejected('expired', 2, 'it does not verify \(10: ');
rejected('future', 2, 'it does not verify \(9: ');
rejected('revoked', 2, 'it does not verify \(23: ');



=== TEST 2: A2: what nobody vouches for, once per address and minute
--- dmp: server => $Denied
--- code
rejected($_, 1, 'it does not verify \(\d+: ')
    for qw(forged self-signed production cps-server-ca server issued-by-card deep-chain);



=== TEST 3: A2: a key that is too weak, a card to sign with, a server's certificate
--- dmp: server => $Denied
--- code
rejected('weak-key', 1, 'it does not verify \(66: ');
rejected('signature-card', 1, 'it does not verify \(26: ');
rejected('structure-server', 1, 'it does not verify \(26: ');



=== TEST 4: A2: an organisation posing as a person, and the reverse
--- dmp: server => $Denied
--- code
rejected('structure-as-person', 2, 'an organisations chain does not make a person,');
rejected('person-as-structure', 2, 'its name has no surname and given name,');



=== TEST 5: A2: a card that its chain does not make
--- dmp: server => $Denied
--- code
rejected('cps-standard', 2, 'its issuer makes no CPS,');
rejected('cpe-anonymous-persons', 2, 'its issuer makes no CPE without a name,');
rejected('cpa', 2, 'it is a CPA, a card that stands for nobody here,');
rejected('no-card-type', 2, 'it does not say which card it is,');



=== TEST 6: A2: an authority is no card
--- dmp: server => $Denied
--- code
rejected('authority-as-card', 2, q{it is an authority's,});



=== TEST 7: A2: names that two readers would read in two ways
--- dmp: server => $Denied
--- code
rejected('nul-in-name', 2, 'its common name has control characters,');
rejected('long-name', 2, 'its surname is longer than 256 bytes,');
rejected('two-identifiers', 2, 'its common name is given twice,');
rejected('duplicate-profession', 2, 'it has an extension twice,');
rejected('duplicate-card-type', 2, 'it has an extension twice,');



=== TEST 8: A2: a chain that does not end ends the connection, not the worker
--- dmp: server => $Denied
--- code
my ($mark, $seen) = (trace_mark(), scalar backend());
my @workers = worker_pids();
for my $http ('1.1', '2') {
    my $r = request(as => 'endless-chain', get => $Search, http => $http);
    isnt($r->{curl}, 0, "HTTP/$http: no answer");
    is($r->{head}, '', 'none at all');
}
is(request(as => 'morel', get => $Check)->{status}, 200, 'the next is served');
is_deeply([worker_pids()], \@workers, 'by the same worker');
is_deeply([map { $_->{body}{decision} } trace($mark)], ['allow'], 'the others asked for nothing');
is(scalar backend(), $seen, 'nothing was forwarded');



=== TEST 9: one address with forged cards and without any: one entry
--- dmp: server => $Denied
--- code
my ($mark, @from) = (trace_mark(), address(), address());
for my $as (qw(forged none self-signed), ('forged') x 5, 'morel', 'revoked', 'server', 'revoked') {
    my $r = asked($as, $from[0]);
    is($r->{status}, $as eq 'morel' ? 200 : 401, "$as: its answer");
}
asked('forged', $from[1]);
is_deeply([map { "$_->{body}{client} $_->{body}{decision} $_->{body}{reason}" } trace($mark)],
    ["$from[0] deny certificate-rejected", "$from[0] allow none",
        ("$from[0] deny certificate-rejected") x 2, "$from[1] deny certificate-rejected"],
    'and one for each that an authority vouches for');
verify_trace();



=== TEST 10: behind a proxy the address is that of who asks
--- dmp: server => $Denied, http => 'set_real_ip_from 127.0.0.1; real_ip_header X-Real-IP;'
--- code
my $mark = trace_mark();
for my $http ('1.1', '2') {
    for my $from ('192.0.2.1', '192.0.2.2') {
        my $r = request(as => 'forged', get => $Search, http => $http, headers => ["X-Real-IP: $from"]);
        is_refused($from, $r, 'certificate-rejected');
    }
}
is_deeply([map { $_->{body}{client} } trace($mark)], ['192.0.2.1', '192.0.2.2'], 'each once');



=== TEST 11: A2: production and tests: the policy for tests takes both
--- http_config eval: main::both_authorities()
--- code
for my $as ('morel', 'production') {
    my $mark = trace_mark();
    is(asked($as, '127.0.0.1', http => $_)->{status}, 200, "$as: served") for '1.1', '2';
    is_deeply([map { [@{ $_->{body}{actor} }{qw(kind id role)}, $_->{body}{actor}{certificate}] } trace($mark)],
        [(['professional', '899700218896', ['1.2.250.1.71.1.2.7', '10'], nobody($as)->{certificate}]) x 2],
        "$as: as a doctor, by its own authority");
}
rejected('forged', 1, 'it does not verify');



=== TEST 12: A2: the one that is shipped refuses cards of tests, whoever verified them
--- http_config eval: main::both_authorities(policy => DMP::Proc::root() . '/conf/policy/policy.json')
--- code
my $mark = trace_mark();
my $r = asked('production', '127.0.0.1');
is($r->{status}, 200, 'production: served');
is((trace($mark))[0]{body}{actor}{id}, '899700218896', 'as who has that card');
rejected($_, 2, 'its issuer is a TEST authority, .*\(settings\.test_chains\),')
    for qw(morel structure cpe cpe-anonymous feeder structure-technical);
rejected('igc-cps', 2, 'its issuer has no role in the policy,');



=== TEST 13: A1: where a certificate is required, there is none
--- http_config eval: DMP::config(server => $main::Denied) =~ s/ssl_verify_client optional;/ssl_verify_client on;/r
--- code
my $seen = backend();
my @no = map { [$_, asked('none', $_->[0], http => $_->[1])] } [address(), '1.1'], [address(), '2'];
is_refused("HTTP/$_->[0][1]", $_->[1], 'authentication-required') for @no;
my $mark = trace_mark();
my ($from, @r) = address();
push @r, asked('none', $from, http => $_) for '1.1', '2';
my @traced = trace($mark);
is(scalar @traced, 1, 'traced once');
is_traced('none', $r[0], $traced[0], 'A1', 'authentication-required', { kind => 'none', auth => 'none' });
is(scalar backend(), $seen, 'nothing was forwarded');
is(asked('morel', $from, http => $_)->{status}, 200, "HTTP/$_: a card is served") for '1.1', '2';
rejected('revoked', 2, 'it does not verify \(23: ');



=== TEST 14: A1: plain HTTP to the port of TLS
--- dmp: server => $Denied
--- code
my ($mark, $seen) = (trace_mark(), scalar backend());
my $got = plain_to_tls("GET $Search HTTP/1.1\r\nHost: localhost\r\nX-SSL-Client-Verify: SUCCESS\r\n\r\n");
like($got, qr{\AHTTP/1\.1 401 }, 'refused');
like($got, qr/"code":"authentication-required"/, 'without a credential');
like($got, qr/^WWW-Authenticate: Bearer realm="dmp"\r$/m, 'with how to sign in');
is_deeply([map { @{ $_->{body} }{qw(rule reason actor)} } trace($mark)],
    ['A1', 'authentication-required', { kind => 'none', auth => 'none' }], 'traced');
$got = plain_to_tls("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" . "\0\0\0\4\0\0\0\0\0");
unlike($got, qr/ 200 /, 'HTTP/2 without TLS: nothing is served');
is(scalar backend(), $seen, 'nothing was forwarded');



=== TEST 15: RFC 9457 where the location is not FHIR
--- dmp: server => $Problem
--- code
my $seen = backend();
for my $http ('1.1', '2') {
    for my $as ('revoked', 'forged') {
        my $r = asked($as, address(), http => $http);
        is($r->{headers}{'content-type'}, 'application/problem+json', "HTTP/$http $as: type");
        is_deeply([@{ $r->{json} }{qw(type status reason trace_id)}], ['urn:dmp:reason:certificate-rejected',
            401, 'certificate-rejected', $r->{headers}{'dmp-trace-id'}], 'and members');
        like($r->{json}{title}, qr/\w+ \w+/, 'a sentence');
        is_deeply([sort(CORE::keys %{ $r->{json} })], [sort qw(type title status reason trace_id)], 'no others');
    }
}
my $got = plain_to_tls("GET $Search HTTP/1.0\r\n\r\n");
like($got, qr{^Content-Type: application/problem\+json\r$}m, 'plain HTTP, too');
like($got, qr/"reason":"authentication-required"/, 'with its reason');
is(scalar backend(), $seen, 'nothing was forwarded');



=== TEST 16: HEAD has the same headers, and no body
--- dmp: server => $Denied
--- code
for my $http ('1.1', '2') {
    my ($get, $head) = (asked('revoked', '127.0.0.1', http => $http),
        request(as => 'revoked', head => $Search, http => $http));
    is($head->{status}, 401, "HTTP/$http: status");
    is($head->{headers}{'content-length'}, length $get->{body}, 'the length of what GET has');
    is($head->{body} =~ s/\AHTTP.*?\r\n\r\n//sr, '', 'without it');
    is($head->{headers}{'www-authenticate'}, 'Bearer realm="dmp"', 'how to sign in');
}



=== TEST 17: with a body, small, large, in chunks, announced
--- dmp: server => $Denied
--- code
my ($mark, $seen) = (trace_mark(), scalar backend());
for my $http ('1.1', '2') {
    for my $case (['small', '{}'], ['large', 'x' x 3_000_000], ['chunked', 'x' x 100_000,
        'Transfer-Encoding: chunked'], ['announced', 'x' x 100_000, 'Expect: 100-continue'])
    {
        my ($name, $body, @headers) = @$case;
        next if $http eq '2' && $name eq 'chunked';
        my $r = request(as => 'revoked', post => '/fhir/DocumentReference', body => $body,
            http => $http, headers => ['Content-Type: application/fhir+json', @headers]);
        is_refused("HTTP/$http $name", $r, 'certificate-rejected');
    }
}
is_deeply([map { "$_->{body}{method} $_->{body}{rule}" } trace($mark)], [('POST A2') x 7], 'traced');
is(scalar backend(), $seen, 'nothing was forwarded');
is(asked('morel', '127.0.0.1')->{status}, 200, 'the next is served');



=== TEST 18: nothing that follows on the connection is heard
--- dmp: server => $Denied
--- code
my ($mark, $seen) = (trace_mark(), scalar backend());
my $get = "GET $Search HTTP/1.1\r\nHost: localhost\r\n\r\n";
for my $bytes ($get x 3, "POST /fhir/DocumentReference HTTP/1.1\r\nHost: localhost\r\n"
    . "Content-Length: " . length($get) . "\r\n\r\n$get$get")
{
    my $got = request_raw('revoked', $bytes);
    is_deeply([$got =~ m{^HTTP/1\.1 (\d+)}mg], [401], 'one answer');
    like($got, qr/^Connection: close\r$/m, 'and the end of the connection');
}
is(scalar(() = trace($mark)), 2, 'one entry each');
is(scalar backend(), $seen, 'nothing was forwarded');



=== TEST 19: what arrives while the trace is being written changes nothing
--- dmp: server => $Denied, redis => $Fake->address
--- code
require IO::Socket::SSL;
wait_for { asked('morel', '127.0.0.1')->{status} == 200 } 'the store';
my ($mark, $seen) = (trace_mark(), scalar backend());
my @workers = worker_pids();
for my $more ("X: y\r\n\r\n", "GET $Search HTTP/1.1\r\nHost: localhost\r\n\r\n", "\0" x 20_000) {
    my $pki = pki();
    my $n = () = $Fake->commands;
    $Fake->on('held');
    my $socket = IO::Socket::SSL->new(PeerAddr => '127.0.0.1:' . tls_port(), SSL_hostname => 'localhost',
        SSL_ca_file => "$pki/server-ca.pem", SSL_cert_file => "$pki/revoked.pem",
        SSL_key_file => "$pki/revoked.key") or die "TLS: $IO::Socket::SSL::SSL_ERROR\n";
    print $socket "GET $Search HTTP/1.1\r\nHost: localhost\r\n\r\n";
    wait_for { grep { /"certificate-rejected"/ } ($Fake->commands)[$n .. -1 + (() = $Fake->commands)] } 'the trace on its way';
    print $socket $more;
    $Fake->off('held');
    my $got = '';
    local $SIG{ALRM} = sub { die "no end of the answer: $got\n" };
    alarm 10;
    while (sysread $socket, my $part, 65536) { $got .= $part }
    alarm 0;
    my @statuses = $got =~ m{^HTTP/1\.1 (\d+)}mg;
    is(scalar @statuses, 1, 'one answer');
    like($statuses[0], qr/^(?:401|503)$/, 'a refusal, late or not');
}
is_deeply([worker_pids()], \@workers, 'the worker lives');
is(scalar backend(), $seen, 'nothing was forwarded');



=== TEST 20: HTTP/2: each request of a refused connection is refused and traced
--- dmp: server => $Denied
--- code
my ($mark, $seen) = (trace_mark(), scalar backend());
my $url = 'https://127.0.0.1:' . tls_port();
my $r = request(as => 'revoked', get => $Check, http => '2',
    options => [map { ("$url$Search", '--output', '/dev/null') } 1 .. 3]);
is_deeply([$r->{error} =~ /(\d{3}) (\d) (\d)(?=\d{3} |$)/g], ['401', 2, 1, ('401', 2, 0) x 3],
    'four answers of one connection') or diag $r->{error};
is_deeply([map { $_->{body}{actor} } trace($mark)], [(nobody('revoked')) x 4], 'each traced');
is(scalar backend(), $seen, 'nothing was forwarded');



=== TEST 21: A2: before A3, and before what is asked
--- dmp: server => $Denied
--- code
my $mark = trace_mark();
for my $case ([get => $Search, 'Authorization: Bearer x.y.z'], [get => $Search, 'Cookie: __Host-dmp-session=x.y.z'],
    [get => $Search, 'DMP-Access-Mode: bris-de-glace'], [get => $Search, 'DMP-Nothing: x'],
    [get => "$Search&x=y"], [get => '/fhir/x'], [get => '/'], [get => '/elsewhere/than/fhir'], [put => $Search])
{
    my ($method, $path, @headers) = @$case;
    for my $as ('revoked', 'structure-as-person') {
        next if $as ne 'revoked' && $path !~ m{^/fhir/};
        my $r = request(as => $as, $method => $path, headers => \@headers);
        is_refused("$as $method $path @headers", $r, 'certificate-rejected');
    }
}
is_deeply([grep { "$_->{body}{rule} $_->{body}{actor}{kind}" ne 'A2 none' } trace($mark)], [], 'traced as such');



=== TEST 22: nothing is allowed in the location, however it is reached
--- dmp: server => $Denied . 'location /try/ { try_files /nothing @denied; } location = /page { error_page 404 = @denied; return 404; } location /direct/ { dmp_denied; dmp_resource fhir; proxy_pass http://record_host/fhir/; } location /sub { auth_request /direct/metadata; proxy_pass http://record_host/fhir/metadata; } location /x { rewrite ^ /direct/metadata last; }'
--- code
my $seen = backend();
for my $http ('1.1', '2') {
    for my $path ('/try/metadata', '/page', '/direct/metadata', $Search =~ s/fhir/direct/r, '/x') {
        my $mark = trace_mark();
        my $r = asked('morel', '127.0.0.1', get => $path, http => $http);
        is_refused("HTTP/$http $path", $r, 'certificate-rejected');
        is_traced($path, $r, (trace($mark))[0], 'A2', 'certificate-rejected', nobody('morel'));
        is_refused("$path, without a card", asked('none', address(), get => $path, http => $http),
            'authentication-required');
    }
    is(asked('morel', '127.0.0.1', get => '/sub', http => $http)->{status}, 403, 'nor asked by another');
}
is(scalar backend(), $seen, 'nothing was forwarded');
--- error_log
dmp refuses a subrequest to a protected location



=== TEST 23: nor when a decision was made before
--- dmp: server => $Denied, location => 'error_page 403 404 502 = @denied; deny all;'
--- code
my $seen = backend();
for my $http ('1.1', '2') {
    my $r = asked('morel', '127.0.0.1', http => $http);
    is($r->{status}, 502, "HTTP/$http: one decision for one request");
    unlike($r->{body}, qr/martin/i, 'with nothing of the record');
}
is(scalar backend(), $seen, 'nothing was forwarded');
--- error_log
dmp refuses an internal redirect into a protected location



=== TEST 24: nor whatever else stands there
--- dmp: server => $Pages . 'location @denied { dmp_denied; proxy_pass http://record_host; }'
--- code
my $seen = backend();
for my $http ('1.1', '2') {
    my $r = asked('revoked', '127.0.0.1', http => $http);
    is("$r->{status} $r->{json}{reason}", '401 certificate-rejected', "HTTP/$http: refused");
}
is(scalar backend(), $seen, 'nothing was forwarded');



=== TEST 25: nor what answers before the access phase
--- dmp: server => $Pages . 'location @denied { dmp_denied; return 200 "SECRET"; }'
--- as: revoked
--- get eval: $main::Search
--- unlike
SECRET
--- backend: none
--- trace: none
--- error_log
\[alert\] .*dmp stops an answer of a protected location on which nothing was decided



=== TEST 26: an error_page that would change the status does not
--- dmp: server => $Denied =~ s/ = \@denied/ =200 \@denied/r
--- code
is_refused("HTTP/$_", asked('revoked', '127.0.0.1', http => $_), 'certificate-rejected') for '1.1', '2';



=== TEST 27: nor one that keeps nginx's own
--- dmp: server => $Denied =~ s/ = \@denied/ \@denied/r
--- code
is_refused("HTTP/$_", asked('revoked', '127.0.0.1', http => $_), 'certificate-rejected') for '1.1', '2';



=== TEST 28: without "dmp_denied" nginx refuses alone
--- code
my ($mark, $seen) = (trace_mark(), scalar backend());
for my $as (qw(revoked forged self-signed weak-key)) {
    is(asked($as, '127.0.0.1', http => $_)->{status}, 400, "$as, HTTP/$_: refused") for '1.1', '2';
}
is_deeply([trace($mark)], [], 'and nothing is traced');
is(scalar backend(), $seen, 'nor forwarded');



=== TEST 29: where nginx asks for a card of any authority, ours count
--- http_config eval: DMP::config(server => $main::Denied) =~ s/ssl_verify_client optional;/ssl_verify_client optional_no_ca;/r
--- code
rejected($_, 1, 'it does not verify \(\d+: ') for qw(forged self-signed server issued-by-card);
rejected('revoked', 2, 'it does not verify \(23: ');
is(asked('morel', '127.0.0.1', http => $_)->{status}, 200, "HTTP/$_: served") for '1.1', '2';



=== TEST 30: what cannot be traced is answered as such
--- dmp: server => $Denied, redis => 'unix:' . DMP::Proc::dir() . '/nothing'
--- code
for my $http ('1.1', '2') {
    my $r = asked('revoked', address(), http => $http);
    is($r->{status}, 503, "HTTP/$http: status");
    is(reason($r), 'trace-unavailable', 'reason');
    ok($r->{headers}{'retry-after'}, 'when to come back');
    unlike(said($r), qr/$Ins|8997|MOREL/i, 'nobody is named');
}
--- error_log
dmp store is unavailable|dmp refused by rule X1: trace-unavailable



=== TEST 31: nor do the variables name whom a refused certificate names
--- dmp: server => $Denied . 'location /try/ { try_files /nothing @denied; } access_log ' . DMP::Proc::dir() . '/who.log who;', http => q{log_format who '$dmp_rule $dmp_reason [$dmp_actor] [$dmp_subject] [$dmp_patient]';}
--- code
asked($_, '127.0.0.1') for qw(expired revoked structure-as-person);
asked('morel', '127.0.0.1', get => '/try/x');
my @lines;
wait_for { (@lines = split /\n/, slurp(DMP::Proc::dir() . '/who.log')) == 4 } 'the access log';
is_deeply(\@lines, [('A2 certificate-rejected [none] [] []') x 4], 'nobody');



=== TEST 32: the trace is whole
--- code
verify_trace();
pass('proved');
