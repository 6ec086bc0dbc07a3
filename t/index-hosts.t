#!/usr/bin/perl

# dmpctl index build and record hosts that lead elsewhere, break off, take no
# list of values, look at nothing, or show a certificate.

use strict;
use warnings;

use lib 't/lib';

use IO::Socket::SSL;
use JSON::PP;
use Test::More;

use DMP ();
use DMP::Index;
use DMP::Pki;
use DMP::Proc qw(dir);
use FakeHost;

plan skip_all => "no $dmpctl: build it first" unless -x $dmpctl;

DMP::import_records(map +{ ins => $_, status => 'open' }, $martin, $durand,
    $bernard, $paoli);


# ------------------------------------------------------- links to other pages

# Where a link may lead: to the host itself, by any of its names.
sub follows
{
    my ($next, @options) = @_;

    clear_index();

    my $host = host(sub {
        my ($port) = @_;

        return [[qr/more=1/, page([document('second', ins => $martin)])],
            [of($martin), page([document('first', ins => $martin)],
                next => $next =~ s/PORT/$port/gr)]];
    });

    run(build_args($host->{url}, '--patient', $martin, @options), '--json');
    stop($host);

    return ($rc, (asked($host))[-1]);
}


for my $case (
    ['http://127.0.0.1:PORT/fhir/DocumentReference?more=1', '/fhir/DocumentReference?more=1'],
    ['http://127.0.0.1:PORT/fhir?more=1', '/fhir?more=1'],
    ['http://127.0.0.1:PORT/fhir/?more=1', '/fhir?more=1'],
    ['/fhir/DocumentReference?more=1', '/fhir/DocumentReference?more=1'],
    ['DocumentReference?more=1', '/fhir/DocumentReference?more=1'],
    ['?more=1', '/fhir?more=1'],
    ['DocumentReference/pages/a.b?more=1', '/fhir/DocumentReference/pages/a.b?more=1'],
    ['https://name.example/r4/DocumentReference?more=1',
        '/fhir/DocumentReference?more=1', '--base', 'https://name.example/r4/'],
) {
    my ($next, $want, @options) = @$case;
    my ($rc, $asked) = follows($next, @options);

    is $rc, 0, "followed: $next" or diag $err;
    is $asked, $want, 'at the host itself';
    ok facts_there($martin, 'second'), 'and its documents are learnt';
}

for my $next (
    'http://127.0.0.1:1/fhir/DocumentReference?more=1',
    'https://127.0.0.1:PORT/fhir/DocumentReference?more=1',
    'http://127.0.0.1:PORT/other?more=1',
    'http://127.0.0.1:PORT/fhirx?more=1',
    'http://127.0.0.1:PORT/fhir/../other?more=1',
    'http://127.0.0.1:PORT/fhir/%2e%2e/other?more=1',
    'http://127.0.0.1:PORT/fhir//other?more=1',
    'http://user@127.0.0.1:PORT/fhir?more=1',
    'http://127.0.0.1:PORT@elsewhere/fhir?more=1',
    '//127.0.0.1:PORT/fhir?more=1', '/other?more=1', '../other?more=1',
    'file:///etc/passwd?more=1', "?more=1#x", '?more=1 x',
    'https://name.example/r4/DocumentReference?more=1',
) {
    my ($rc, $asked) = follows($next);

    is $rc, 3, "not followed: $next";
    unlike $asked, qr/more=1/, 'the host was not asked';
    like $err, qr/^dmpctl: patient \S{22}: the host's page 1: its link to the next page leads elsewhere$/m,
        'and why';
    ok facts_there($martin, 'first'), 'what was learnt stays';
}


# --------------------------------------------------------------------- faults

clear_index();

my $both = page([document('kept', ins => $martin), document('gone', ins => $martin)]);
learn([[of($martin), $both]], '--patient', $martin);

# Each fails for that patient; nothing is removed, whatever it did not say.
my $whole = bundle([document('kept', ins => $martin)]);
my $loop = sub { page([document('kept', ins => $martin)], next => "?page=$_[0]") };

for my $case (
    ['an error', [[of($martin), FakeHost::answer(500, {}, '{}')]],
        'the host answers 500 on page 1'],
    ['no rights', [[of($martin), FakeHost::answer(403, {}, '{}')]],
        'the host answers 403 on page 1'],
    ['a redirection', [[of($martin), FakeHost::answer(302, { Location => '/fhir/x' }, $whole)]],
        'the host answers 302 on page 1'],
    ['part of it', [[of($martin), FakeHost::answer(206, {}, $whole)]],
        'the host answers 206 on page 1'],
    ['HTML', [[of($martin), FakeHost::answer(200, { 'Content-Type' => 'text/html' }, $whole)]],
        'its answer is not JSON'],
    ['XML', [[of($martin), FakeHost::answer(200, { 'Content-Type' => 'application/fhir+xml' }, '<x/>')]],
        'its answer is not JSON'],
    ['no type', [[of($martin), FakeHost::answer(200, { 'Content-Type' => undef }, $whole)]],
        'its answer is not JSON'],
    ['compressed', [[of($martin), FakeHost::gzip($whole)]], 'its answer is not JSON'],
    ['not JSON', [[of($martin), FakeHost::json('{"resourceType":"Bundle","type":')]],
        'its answer is not JSON'],
    ['JSON and more', [[of($martin), FakeHost::json("$whole x")]], 'its answer is not JSON'],
    ['nothing', [[of($martin), FakeHost::json('')]], 'its answer is not JSON'],
    ['a history', [[of($martin), FakeHost::json($whole =~ s/searchset/history/r)]],
        'no page of a search'],
    ['a document', [[of($martin), FakeHost::json(encode_json(document('kept')))]],
        'no page of a search'],
    ['an array', [[of($martin), FakeHost::json("[$whole]")]], 'no page of a search'],
    ['entries that are none', [[of($martin), FakeHost::json(
        '{"resourceType":"Bundle","type":"searchset","entry":[1]}')]], 'no page of a search'],
    ['two next pages', [[of($martin), FakeHost::json($whole =~ s/\{/{"link":[{"relation":"next","url":"?a"},{"relation":"next","url":"?b"}],/r)]],
        'no page of a search'],
    ['too deep', [[of($martin), FakeHost::json(
        '{"resourceType":"Bundle","type":"searchset","x":' . '[' x 80 . ']' x 80 . '}')]],
        'deeper'],
    ['cut off', [[of($martin), FakeHost::truncated($whole, 40)]],
        qr/page 1: .*(?:closed|remaining)/],
    ['a chunk missing', [[of($martin), FakeHost::chunked([substr($whole, 0, 40)], 'close')]],
        qr/page 1: ./],
    ['nobody there', [[of($martin), [['close']]]], qr/page 1: ./],
    ['no HTTP', [[of($martin), [[send => "hello\r\n"]]]], qr/page 1: ./],
    ['too large', [[of($martin), FakeHost::answer(200, {}, $whole . ' ' x (65 << 20))]],
        'its answer is larger than 64 MiB'],
    ['a loop to itself', [[qr/page=1/, $loop->(1)], [of($martin), $loop->(1)]],
        'its pages lead back to one of them'],
    ['a loop of three', [[qr/page=1/, $loop->(2)], [qr/page=2/, $loop->(3)],
        [qr/page=3/, $loop->(1)], [of($martin), $loop->(1)]],
        'its pages lead back to one of them'],
    ['a second page that fails', [[qr/page=1/, FakeHost::answer(503, {}, '{}')],
        [of($martin), $loop->(1)]], 'the host answers 503 on page 2'],
) {
    my ($name, $answers, $why) = @$case;

    note $name;

    my $host = host($answers);
    my $report = build(3, $host->{url}, '--patient', $martin);

    stop($host);
    counts($report, patients => 1, failed => 1, removed => 0);
    like $err, ref $why ? $why : qr/\Q$why\E/, "$name is told";
    like $err, qr/patient @{[ pseudonym($martin) ]}: /, 'of whom';
    like $err, qr/failed for 1 of 1 patients/, 'and how many';
    ok facts_there($martin, $_), "$_ stays" for qw(kept gone);
    is doc('gone'), pseudonym($martin), 'with its hint';
}


# One patient's failure is not the others'.
{
    my $host = host([[of($martin), FakeHost::answer(500, {}, '{}')],
        [of($durand), page([document('theirs', ins => $durand)])]]);
    my $report = build(3, $host->{url});

    stop($host);
    counts($report, patients => 4, failed => 1, added => 1);
    like $err, qr/failed for 1 of 4 patients/, 'one of four';
    is doc('theirs'), pseudonym($durand), 'what was learnt stays';
    ok eval { DMP::verify_trace(); 1 }, 'the trace is whole' or diag $@;
}


# A host that takes no list of values is asked for each system, from then on.
{
    my $single = qr/identifier=\Q$system\E\.8%7C$martin&/;
    my $host = host([[of($nobody), empty()],
        [qr/identifier=[^&]*,/, FakeHost::answer(400, {}, '{}')],
        [$single, page([document('kept', ins => $martin)])]]);
    my $report = build(0, $host->{url});

    stop($host);
    counts($report, patients => 4, failed => 0, documents => 1, removed => 2);

    my ($control, @asked) = asked($host);
    is scalar(grep({ /identifier=[^&]*,/ } @asked)), 1, 'a list was tried once';
    is scalar(@asked), 1 + 4 * 4, 'then each of the four, for each patient';
}

# One that refuses both is a failure like any other.
{
    my $host = host([[of($nobody), empty()], [qr/identifier/, FakeHost::answer(400, {}, '{}')]]);
    my $report = build(3, $host->{url}, '--patient', $martin);

    stop($host);
    counts($report, failed => 1, removed => 0);
    like $err, qr/the host answers 400/, 'is told';
}

# So may be the question about nobody: it was looked at.
{
    my $host = host([[of($nobody), FakeHost::answer(400, {}, '{}')],
        [of($martin), page([document('kept', ins => $martin)])]]);

    build(0, $host->{url}, '--patient', $martin);
    stop($host);
}


# Hosts that are no good at all: nobody is asked about, nothing is written.
my $before = index_contents();
my $mark = DMP::trace_mark();

for my $case (
    ['does not look at whom', [[qr/./, page([document('unnamed', unnamed => 1)])]],
        'does not look at patient.identifier'],
    ['has no such address', [[qr/./, FakeHost::answer(404, {}, '{}')]],
        'the host answers 404'],
    ['speaks HTML', [[qr/./, FakeHost::answer(200, { 'Content-Type' => 'text/html' }, '<p>')]],
        'its answer is not JSON'],
    ['is another server', [[qr/./, FakeHost::json('{"resourceType":"Patient"}')]],
        'its answer is no page of a search'],
) {
    my ($name, $answers, $why) = @$case;
    my $host = host($answers);

    is_deeply build(3, $host->{url}), {}, "a host that $name";
    stop($host);
    like $err, qr/\Q$why\E/, 'why';
    is scalar(asked($host)), 1, 'it was asked once';
}

build(3, 'http://127.0.0.1:1/fhir');
like $err, qr{http://127\.0\.0\.1:1/fhir: .*connect}i, 'one that is not there';
is_deeply index_contents(), $before, 'nothing was written';
is_deeply [DMP::trace($mark, qr/^admin$/)], [], 'nothing was begun';


# --------------------------------------------------------------------- TLS

{
    my $pki = DMP::Pki->shared;
    my $host = host([[of($martin), page([document('kept', ins => $martin)])]],
        SSL_server => 1, SSL_cert_file => $pki->path('server.pem'),
        SSL_key_file => $pki->path('server.key'),
        SSL_ca_file => $pki->path('clients-ca.pem'),
        SSL_verify_mode => SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT);
    my @card = ('--cert', $pki->path('morel.pem'), '--key', $pki->path('morel.key'));
    my @ca = ('--cacert', $pki->path('server-ca.pem'));

    (my $url = $host->{url}) =~ s/127\.0\.0\.1/localhost/;

    build(3, $url, @card);
    like $err, qr/certificate/i, 'an authority that is not known';
    build(3, $url, @ca);
    build(3, $url, @ca, '--cert', $pki->path('petit.pem'), '--key', $pki->path('morel.key'));
    build(3, $url, '--cacert', dir() . '/absent.pem', @card);
    is_deeply [asked($host)], [], 'no question got through';
    build(0, $url, @ca, @card, '--patient', $martin);
    is scalar(asked($host)), 2, 'both sides know each other';
    stop($host);
}

done_testing;
