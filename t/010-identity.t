# Who asks (A1 to A3): the card, the chain it was verified under, the server
# that verified it, and what a resumed TLS session may carry over.

use strict;
use warnings;

use lib 't/lib';
use DMP;
use Test::More;

my $always = { since => '2020-01-01', until => '2100-01-01', by => 'patient' };

import_records({
    ins => '285037512000151', status => 'open',
    traits => { family => 'MARTIN', given => 'Jeanne' },
    emergency => { bris_de_glace => JSON::PP::true,
        centre_15 => JSON::PP::true, masked => JSON::PP::false },
    authorisations => {
        '899700218896' => $always,      # morel, a doctor
        '899700610944' => $always,      # a pharmacist
        '899700125075' => $always,      # notitle
        '1750712184' => $always,        # the structure
    },
});

our $Search = '/fhir/DocumentReference?patient.identifier='
    . 'urn:oid:1.2.250.1.213.1.4.8|285037512000151';

# Another server of the same address, and the default one: it trusts an
# authority that bears the name of the real one.
our $Other = do {
    my $pki = pki();
    my $listen = DMP::listen_tls();

    open my $out, '>', DMP::Proc::dir() . '/other-ca.pem' or die;
    print $out slurp("$pki/forger-root.crt"), slurp("$pki/forger-personnes.crt");
    close $out or die;

    <<"END";
    ssl_protocols TLSv1.2 TLSv1.3;

    server {
        $listen
        server_name other.test;
        ssl_certificate $pki/server.pem;
        ssl_certificate_key $pki/server.key;
        ssl_client_certificate @{[ DMP::Proc::dir() ]}/other-ca.pem;
        ssl_verify_client optional;
        ssl_verify_depth 3;

        location / {
            return 200 "\$ssl_client_verify\\n";
        }
    }
END
};


# "refused: STATUS RULE REASON": the answer says so, the trace says so, and
# the record host received nothing.
add_block_preprocessor(sub {
    my ($block) = @_;

    my ($status, $rule, $reason) = split ' ', $block->refused // return;

    $block->set_value(status => $status);
    $block->set_value(backend => 'none');
    $block->set_value(json => "resourceType = OperationOutcome\n"
        . "issue.0.details.coding.0.system = urn:dmp:reason\n"
        . "issue.0.details.coding.0.code = $reason\n");
    $block->set_value(header => "DMP-Trace-Id exists\n"
        . "Cache-Control = no-store\n" . ($block->header // ''));
    $block->set_value(trace => "body.decision = deny\nbody.rule = $rule\n"
        . "body.reason = $reason\noutcome ~ [1S]\n" . ($block->trace // ''));
});


# A request on a connection of openssl's own; "in" and "out" are files of a
# TLS session.  Returns what came back, from the handshake on.
sub s_client
{
    my (%o) = (sni => 'localhost', host => 'localhost', path => $Search,
        version => 'tls1_3', @_);

    my $pki = pki();
    my $dir = DMP::Proc::dir();
    my $port = tls_port();

    open my $out, '>', "$dir/s_client.in" or die;
    print $out "GET $o{path} HTTP/1.1\r\nHost: $o{host}\r\n"
        . "Connection: close\r\n\r\n";
    close $out or die;

    my $options = "-connect 127.0.0.1:$port -$o{version} -brief -ign_eof";

    $options .= $o{sni} ? " -servername $o{sni}" : ' -noservername';
    $options .= " -cert $pki/$o{as}.crt -cert_chain $pki/$o{as}.pem"
        . " -key $pki/$o{as}.key" if $o{as};
    $options .= " -sess_in $dir/$o{in}" if $o{in};
    $options .= " -sess_out $dir/$o{out}" if $o{out};

    return scalar `timeout 10 openssl s_client $options <$dir/s_client.in 2>$dir/s_client.err`;
}


# The same authorities as ours, and no list of revoked cards.
sub relaxed
{
    my $ca = pki() . '/clients-ca.pem';

    return http => $Other =~ s/(ssl_client_certificate )[^;]+/$1$ca/r;
}


sub resumable
{
    return server => 'ssl_protocols TLSv1.2 TLSv1.3;'
        . 'ssl_session_cache shared:x:1m;'
        . 'add_header X-Reused $ssl_session_reused always;';
}

DMP::run();

__DATA__

=== TEST 1: A1: those who show nothing are traced once per address and minute
--- code
my $mark = trace_mark();
my @r = map { request(get => $Search, http => $_) } ('1.1', '2') x 5;
is(scalar(grep { $_->{status} == 401 } @r), 10, 'each is refused');
my $other = request(get => $Search, options => ['--interface', '127.0.0.2']);
is($other->{status}, 401, 'from another address too');
my @trace = trace($mark);
is_deeply([map { $_->{body}{client} } @trace], ['127.0.0.1', '127.0.0.2'],
    'one entry for each address');
is($trace[0]{body}{trace}, $r[0]{headers}{'dmp-trace-id'}, 'of the first');
is_deeply([map { "$_->{body}{rule} $_->{body}{reason}" } @trace],
    [('A1 authentication-required') x 2], 'with its reason');
ok(!exists $trace[0]{body}{patient}, 'and no patient');



=== TEST 2: A8: a 401 says once how to sign in
--- code
my $r = request(get => $Search);
is($r->{status}, 401, 'status');
is_deeply($r->{lists}{'www-authenticate'}, ['Bearer realm="dmp"'], 'one challenge');
is($r->{json}{issue}[0]{details}{coding}[0]{code}, 'authentication-required', 'reason');
is($r->{json}{issue}[0]{code}, 'login', 'issue');
is_deeply([backend()], [], 'nothing was forwarded');



=== TEST 3: a doctor with a card of their own
--- as: morel
--- get eval: $main::Search
--- status: 200
--- json
resourceType = Bundle
--- trace
body.decision = allow
body.rule = G1
body.actor.kind = professional
body.actor.id = 899700218896
body.actor.role.0 = 1.2.250.1.71.1.2.7
body.actor.role.1 = 10
body.actor.auth = direct
body.actor.certificate.issuer = TEST AC IGC-SANTE FORT PERSONNES
body.actor.certificate.serial ~ ^[0-9a-f]{32}$
outcome = 1



=== TEST 4: the profession of a card without title is its extension's
--- as: old-cps
--- get: /fhir/Patient?identifier=urn:oid:1.2.250.1.213.1.4.8|285037512000151
--- status: 200
--- backend: none
--- trace
body.decision = allow
body.actor.id = 899700277017
body.actor.role.1 = 10



=== TEST 5: a pharmacist, authorised, has the rights of a pharmacist
--- as: pharmacien
--- get eval: $main::Search
--- status: 200
--- trace
body.decision = allow
body.rule = G1
body.actor.id = 899700610944
body.actor.role.1 = 21
body.actor.unverified = true



=== TEST 6: a structure does not read
--- as: structure
--- get eval: $main::Search
--- refused: 403 D2 channel-mismatch
--- trace
body.actor.kind = structure
body.actor.id = 1750712184
body.actor.structure = 1750712184
body.actor.auth = indirect



=== TEST 7: it checks, to know where to deposit
--- as: structure
--- get: /fhir/Patient?identifier=urn:oid:1.2.250.1.213.1.4.8|285037512000151
--- status: 200
--- backend: none
--- trace
body.decision = allow
body.rule = E1



=== TEST 8: A2: a doctor's name under an organisations chain makes no person
--- as: structure-as-person
--- get eval: $main::Search
--- refused: 401 A2 certificate-rejected
--- trace
body.actor.id absent
--- header
WWW-Authenticate = Bearer realm="dmp"
--- error_log
an organisations chain does not make a person



=== TEST 9: nothing in the card says that she is a doctor
--- as: notitle
--- get eval: $main::Search
--- refused: 403 E1 right-missing
--- trace
body.actor.kind = professional
body.actor.id = 899700125075
body.actor.role absent



=== TEST 10: A2: a forged card does not come as far as the gateway
--- as: forged
--- get eval: $main::Search
--- status: 400
--- backend: none
--- trace: none
--- unlike
resourceType



=== TEST 11: A2: nor an expired one
--- as: expired
--- get eval: $main::Search
--- status: 400
--- backend: none
--- trace: none



=== TEST 12: A2: nor a revoked one
--- as: revoked
--- get eval: $main::Search
--- status: 400
--- backend: none
--- trace: none



=== TEST 14: A3: no token can be verified yet, so one beside a card is refused
--- as: morel
--- headers
Authorization: Bearer eyJhbGciOiJub25lIn0.eyJzdWIiOiI4OTk3MDAyMTg4OTYifQ.
--- get eval: $main::Search
--- refused: 401 A3 token-rejected



=== TEST 15: A3: whatever its scheme
--- as: morel
--- headers
Authorization: Basic bW9yZWw6eA==
--- get eval: $main::Search
--- refused: 401 A3 token-rejected



=== TEST 16: A3: or in the cookie of a session
--- as: morel
--- headers
Cookie: a=b; __Host-dmp-session=eyJhbGciOiJFUzI1NiJ9.e30.AAAA
--- get eval: $main::Search
--- refused: 401 A3 token-rejected



=== TEST 17: A3: alone it makes nobody
--- headers
Authorization: Bearer eyJhbGciOiJub25lIn0.eyJzdWIiOiI4OTk3MDAyMTg4OTYifQ.
--- get eval: $main::Search
--- status: 401
--- json
issue.0.details.coding.0.code = token-rejected
--- backend: none



=== TEST 18: without TLS there is no card
--- config eval
"location /fhir/ { dmp on; dmp_resource fhir; dmp_record_host plain;"
    . " proxy_pass http://record_host; }"
--- code
my $seen = backend();
my $r = request(plain => 1, get => $Search,
    headers => ['X-SSL-Client-Verify: SUCCESS', 'X-SSL-Client-S-DN: CN=899700218896']);
is($r->{status}, 401, 'status');
is($r->{json}{issue}[0]{details}{coding}[0]{code}, 'authentication-required', 'reason');
is(scalar(backend()), $seen, 'nothing was forwarded');



=== TEST 19: A2: a card verified by another server of the address is none
--- dmp: http => $Other
--- code
my $seen = backend();
like(s_client(sni => '', as => 'forged', host => 'other.test', path => '/'),
    qr/^SUCCESS$/m, 'the other server trusts it');
my $got = s_client(sni => '', as => 'forged');
like($got, qr{^HTTP/1\.1 401 }m, 'without SNI: refused');
like($got, qr/"authentication-required"/, 'as if none was shown');
unlike($got, qr/martin/i, 'with nothing of the record');
$got = s_client(sni => 'other.test', as => 'forged');
like($got, qr{^HTTP/1\.1 4(?:01|21) }m, 'with the SNI of the other: refused');
unlike($got, qr/martin/i, 'with nothing of the record');
is(scalar(backend()), $seen, 'nothing was forwarded');



=== TEST 20: A2: and a good card shown to the other server opens nothing here
--- dmp: relaxed()
--- code
my $seen = backend();
my $got = s_client(sni => '', as => 'morel');
like($got, qr{^HTTP/1\.1 401 }m, 'without SNI: refused');
is(scalar(backend()), $seen, 'nothing was forwarded');
my $r = request(as => 'morel', get => $Search, host => 'localhost');
is($r->{status}, 200, 'shown to this one it does');



=== TEST 21: A2: a session of the other server is not carried over
--- dmp: http => $Other
--- code
my $seen = backend();
for my $version ('tls1_2', 'tls1_3') {
    my $got = s_client(sni => 'other.test', as => 'forged', host => 'other.test',
        path => '/', version => $version, out => "stolen-$version");
    like($got, qr/^SUCCESS$/m, "$version: a session of the other server");
    ok(-s DMP::Proc::dir() . "/stolen-$version", "$version: kept");
    $got = s_client(in => "stolen-$version", version => $version);
    unlike($got, qr{^HTTP/1\.1 200 }m, "$version: opens nothing here");
    unlike($got, qr/martin/i, "$version: with nothing of the record");
}
is(scalar(backend()), $seen, 'nothing was forwarded');



=== TEST 22: A2: nor where it does not know that the card is revoked
--- dmp: relaxed()
--- code
my $seen = backend();
for my $version ('tls1_2', 'tls1_3') {
    my $got = s_client(sni => 'other.test', as => 'revoked', host => 'other.test',
        path => '/', version => $version, out => "revoked-$version");
    like($got, qr/^SUCCESS$/m, "$version: the other server takes it");
    $got = s_client(in => "revoked-$version", version => $version);
    unlike($got, qr{^HTTP/1\.1 200 }m, "$version: opens nothing here");
    $got = s_client(in => "revoked-$version", version => $version, sni => '');
    unlike($got, qr{^HTTP/1\.1 200 }m, "$version: nor without SNI");
    $got = s_client(in => "revoked-$version", version => $version,
        sni => 'other.test');
    unlike($got, qr{^HTTP/1\.1 200 }m, "$version: nor with the other's");
}
is(scalar(backend()), $seen, 'nothing was forwarded');



=== TEST 23: a session of this server stands for the same card
--- dmp: resumable()
--- code
for my $version ('tls1_2', 'tls1_3') {
    for my $card (qw(morel notitle)) {
        my $got = s_client(as => $card, version => $version,
            out => "$card-$version");
        like($got, qr/^X-Reused: \./m, "$version $card: a new session");
    }
    my $mark = trace_mark();
    my $got = s_client(in => "morel-$version", version => $version);
    like($got, qr/^X-Reused: r/m, "$version morel: resumed without the card");
    like($got, qr{^HTTP/1\.1 200 }m, "$version morel: served");
    $got = s_client(in => "notitle-$version", version => $version);
    like($got, qr/^X-Reused: r/m, "$version notitle: resumed");
    like($got, qr{^HTTP/1\.1 403 }m, "$version notitle: refused");
    # another card beside the session of the first: the session counts
    $got = s_client(in => "notitle-$version", as => 'morel',
        version => $version);
    like($got, qr{^HTTP/1\.1 403 }m, "$version: not the card held beside it");
    is_deeply([map { "$_->{body}{actor}{id} $_->{body}{decision}" } trace($mark)],
        ['899700218896 allow', ('899700125075 deny') x 2],
        "$version: and traced as such");
}



=== TEST 24: a session of nobody stays nobody's
--- dmp: resumable()
--- code
for my $version ('tls1_2', 'tls1_3') {
    my $got = s_client(version => $version, out => "nobody-$version");
    like($got, qr{^HTTP/1\.1 401 }m, "$version: without a card");
    $got = s_client(in => "nobody-$version", version => $version);
    like($got, qr{^HTTP/1\.1 401 }m, "$version: nor resumed");
}
