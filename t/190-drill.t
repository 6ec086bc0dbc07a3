# The attack drill: through the gateway no side door leaks, without it most do;
# and the drill itself fails where it should, or it would prove nothing.

use strict;
use warnings;

use lib 't/lib';
use DMP;
use DMP::Proc qw(root dir slurp free_port);
use Test::More;

our $Ins = 'urn:oid:1.2.250.1.213.1.4.8';
our ($Martin, $Durand) = qw(285037512000151 172066912304538);

my $traits = { family => 'MARTIN', given => 'Jeanne' };

import_records(
    { ins => $Martin, status => 'open', traits => $traits,
        authorisations => { '899700314422' => { since => '2020-01-01',
            until => '2100-01-01', by => 'patient' } } },
    { ins => $Durand, status => 'open', traits => $traits },
);


# Runs node; returns its exit code, what it printed, and what it said of it.
sub node
{
    my (@arguments) = @_;

    my ($out, $err) = map { dir() . "/node.$_" } qw(out err);

    unlink $out, $err;

    my $pid = DMP::Proc::start('node', $out, 'sh', '-c', 'exec "$@" 2>"$0"',
        $err, 'node', @arguments);

    waitpid $pid, 0;

    return ($? >> 8, slurp($out), slurp($err));
}

# The drill as this asker, on the patient; later options win.
sub drill
{
    my (@options) = @_;

    my $pki = pki();
    my ($exit, $out, $err) = node(root() . '/drill/drill.mjs', '--json',
        '--host', 'http://' . backend_address() . '/fhir',
        '--gateway', 'https://localhost:' . tls_port() . '/fhir',
        '--cacert', "$pki/server-ca.pem",
        '--cert', "$pki/petit.pem", '--key', "$pki/petit.key",
        '--other-cert', "$pki/leroy.pem", '--other-key', "$pki/leroy.key",
        '--patient', "$Ins|$Martin", '--other-patient', "$Ins|$Durand",
        @options);

    return ($exit, scalar eval { JSON::PP->new->utf8->decode($out) }, $err);
}

# Each door of that result, as one can read it.
sub doors
{
    my ($found, $side, $result) = @_;

    return [map { "$_->{group}: $_->{name}: " . ($_->{$side}{detail} // '') }
        grep { $_->{$side}{result} eq $result } @{ $found->{doors} }];
}

# Documents of the host, none of which the drill may leave behind or change.
sub documents
{
    my $r = HTTP::Tiny->new->get('http://' . backend_address()
        . "/fhir/DocumentReference?patient.identifier=$Ins|$Martin");

    my @all = map { $_->{resource} }
        @{ JSON::PP->new->utf8->decode($r->{content})->{entry} };

    delete $_->{meta} for @all;

    return [sort { $a->{id} cmp $b->{id} } @all];
}

# A module of the drill, put to the test: the script prints names and verdicts.
sub verdicts
{
    my ($script) = @_;

    my ($exit, $out, $err) = node('--input-type=module', '--eval',
        $script =~ s{DRILL}{root() . '/drill'}ger);

    is($exit, 0, 'the script runs') or diag($err);

    return map { [split /\t/] } split /\n/, $out;
}

require HTTP::Tiny;
DMP::run();

__DATA__

=== TEST 1: nothing leaks through the gateway, most doors leak without it
--- dmp
--- code
my $before = documents();
my ($exit, $found, $err) = drill('--plant', '--hidden', 'martin-psychiatrie',
    '--changes', '--at-least', 60);

is_deeply(doors($found, 'with', 'leaks'), [], 'nothing leaks');
is_deeply(doors($found, 'with', 'error'), [], 'each door was answered');
is($exit, 0, 'exit code') or diag($err);

my $totals = $found->{totals};

cmp_ok($totals->{doors}, '>=', 300, 'doors');
cmp_ok($totals->{with}{closed}, '>=', 300, 'closed');
cmp_ok($totals->{without}{leaks} / $totals->{without}{applicable}, '>=', 0.6,
    'of those that the host opens leak');
cmp_ok($totals->{without}{applicable}, '>=', 200, 'the host opens');
is($totals->{with}{not_applicable}, 0, 'there was data for each');

my %leaking;

$leaking{$_->{group}}++ for grep { $_->{without}{result} eq 'leaks' }
    @{ $found->{doors} };

ok($leaking{$_}, "some of \"$_\" leak without it") for 'search',
    'search by form', 'search of others', 'document', 'content', 'operations',
    'other types', 'path', 'method and version', 'headers', 'message',
    'hidden or absent', 'pages', 'who asks', 'changes';

is_deeply(documents(), $before, 'the host is as it was');
ok(verify_trace(), 'the trace is whole');



=== TEST 2: pointed at the host itself it fails
--- dmp
--- code
my $host = 'http://' . backend_address() . '/fhir';
my ($exit, $found) = drill('--plant', '--changes', '--gateway', $host);

is($exit, 1, 'exit code');

my $totals = $found->{totals};

is($totals->{with}{leaks}, $totals->{without}{leaks}, 'the same doors leak');
cmp_ok($totals->{with}{leaks}, '>=', 150, 'doors that leak');
is_deeply([map { $_->{name} } grep { $_->{with}{result} ne 'leaks' }
    grep { $_->{group} eq 'changes' && $_->{without}{result} eq 'leaks' }
    @{ $found->{doors} }], [], 'a change is seen');



=== TEST 3: so it does where nginx guards nothing
--- dmp: dmp => 'off'
--- code
my ($exit, $found) = drill('--hidden', 'martin-psychiatrie', '--door', 'search');

is($exit, 1, 'exit code');
cmp_ok($found->{totals}{with}{leaks}, '>=', 20, 'doors that leak');



=== TEST 4: and where a document is not hidden
--- dmp
--- code
my ($exit, $found) = drill('--hidden', 'martin-synthese', '--door', 'document');

is($exit, 1, 'exit code');
ok((grep { /document: by id: / } @{ doors($found, 'with', 'leaks') }),
    'it is read');



=== TEST 5: what cannot be played is no success
--- dmp
--- code
my @hidden = ('--hidden', 'martin-psychiatrie', '--door', 'by id');
my $pki = pki();

my @cases = (
    ['no gateway', 3, qr/cannot be reached/,
        '--gateway', 'https://localhost:' . free_port() . '/fhir'],
    ['no host', 3, qr/cannot be reached/,
        '--host', 'http://127.0.0.1:' . free_port() . '/fhir'],
    ['an asker who may not search', 3, qr/a search does not work.*not-authorised/,
        '--cert', "$pki/leroy.pem", '--key', "$pki/leroy.key"],
    ['an authority that did not sign the gateway', 3, qr/cannot be reached/,
        '--cacert', "$pki/clients-ca.pem"],
    ['a document that is not there', 3, qr/no DocumentReference\/none/,
        '--hidden', 'none'],
    ['another patient’s document', 3, qr/no DocumentReference\/durand-ald/,
        '--hidden', 'durand-ald'],
    ['another patient without documents', 3, qr/other patient has no document/,
        '--other-patient', "$Ins|399999999999999"],
    ['no such door', 3, qr/no door has "xyz"/, '--door', 'xyz'],
    ['too few that leak without it', 3, qr/only \d+ % of the doors leak/,
        '--door', 'lower case', '--at-least', 60],
    ['an unknown option', 2, qr/--nothing/, '--nothing'],
    ['no certificate file', 2, qr/none\.pem/, '--cert', 'none.pem'],
    ['a patient without a system', 2, qr/expected SYSTEM\|INS/,
        '--patient', $Martin],
    ['no URL', 2, qr/expected an http/, '--gateway', 'localhost'],
    ['a share that is none', 2, qr/--at-least most/, '--at-least', 'most'],
);

for my $case (@cases) {
    my ($what, $want, $said, @options) = @$case;
    my ($exit, undef, $err) = drill(@hidden, @options);

    is($exit, $want, "$what: exit code");
    like($err, $said, "$what: what it says");
}

my ($exit, $found) = drill(@hidden);

is($exit, 0, 'without any of that it succeeds');
cmp_ok($found->{totals}{with}{closed}, '>=', 3, 'doors');



=== TEST 6: canaries are found however they are encoded
--- dmp
--- code
my @found = verdicts(<<'END');
import { gzipSync } from 'node:zlib';
import { canariesOf, find, without } from 'DRILL/canary.mjs';
import { answers } from 'DRILL/wire.mjs';

const secret = { resources: [{ id: 'a-hidden-id', code: 'not-this-code',
  description: 'Été à l’hôpital 7', title: 'Échographie à jeun',
  type: 'document' }],
  contents: [Buffer.from('x'.repeat(40) + 'the secret content of it 123456')] };
const shown = { resources: [{ id: 'a-shown-id' }],
  contents: [Buffer.from('x'.repeat(80))] };
const canaries = canariesOf(secret, shown);
const text = secret.resources[0].description;
const base64 = (t) => Buffer.from(t).toString('base64');
const head = 'HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n' +
  'Transfer-Encoding: chunked\r\n\r\n';
const zipped = gzipSync(`{"id":"a-hidden-id"}`);
const half = zipped.length >> 1;
const chunk = (b) => Buffer.concat([
  Buffer.from(`${b.length.toString(16)}\r\n`), b, Buffer.from('\r\n')]);
const chunked = Buffer.concat([Buffer.from(head),
  chunk(zipped.subarray(0, half)), chunk(zipped.subarray(half)),
  Buffer.from('0\r\n\r\n')]);
const say = (name, value) => console.log(`${name}\t${value ? 'found' : 'none'}`);
const look = (name, ...pieces) =>
  say(name, find(canaries, pieces.map((p) => Buffer.from(p))));

look('found as it is', 'x a-hidden-id y');
look('found in UTF-8', `"${text}"`);
look('found in Latin-1', Buffer.from('(Échographie à jeun)', 'latin1'));
look('found escaped', '"\\u00c9t\\u00e9 \\u00e0 l\\u2019h\\u00f4pital 7"');
look('found as entities', '&#201;t&#xe9; &#xE0; l&#8217;h&#244;pital 7');
look('found percent-encoded', encodeURIComponent(text));
look('found percent-encoded twice', encodeURIComponent(encodeURIComponent(text)));
for (const before of ['', '1', '12', '123']) {
  look(`found in Base64 after "${before}"`, `"${base64(before + 'a-hidden-id here')}"`);
}
look('found in Base64, from the middle on', base64('123 a-hidden-id here').slice(1));
look('found in Base64url', Buffer.from('>>>???a-hidden-id>>>???').toString('base64url'));
look('found in Base64 of gzip', gzipSync('the text a-hidden-id').toString('base64'));
look('found in a part of the content', ' the secret content of it 1234'.padStart(50, 'x'));
look('found across chunks', 'a-hid\r\n6\r\nden-id');
say('found in gzip, in chunks', find(canaries, answers(chunked).map((a) => a.body)));
say('found in a later answer', find(canaries, answers(Buffer.from(
  'HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n1' +
  'HTTP/1.1 200 OK\r\n\r\na-hidden-id')).map((a) => a.body)));

look('none in what is shown', JSON.stringify(shown.resources), 'x'.repeat(80));
look('none in a code or a word', 'not-this-code document');
look('none in nothing', '');
say('none that was asked for', find(without(canaries,
  Buffer.from('GET /%61-hidden-id')), [Buffer.from('a-hidden-id')]));
say('found though another was asked for', find(without(canaries,
  Buffer.from('GET /a-hidden-id')), [Buffer.from(text)]));
END

is(scalar @found, 23, 'all were tried');
is($_->[1], $_->[0] =~ /^found/ ? 'found' : 'none', $_->[0]) for @found;



=== TEST 7: answers that tell a hidden thing from an absent one
--- dmp
--- code
my @found = verdicts(<<'END');
import { createServer } from 'node:http';
import { compare, Player } from 'DRILL/play.mjs';
import { side } from 'DRILL/wire.mjs';

const bundle = (next, url) => JSON.stringify({ resourceType: 'Bundle',
  link: [...(url ? [{ relation: 'self', url }] : []),
         ...(next ? [{ relation: 'next', url: '?_page=x' }] : [])] });
let number = 0;

/* what is told of the hidden thing, and of the absent one */
const cases = {
  'same: nothing differs': [[404, {}, 'x'], [404, {}, 'x']],
  'same: the name that was asked for': [[404, {}, 'no 1-hidden'], [404, {}, 'no 2-absent']],
  'same: the trace id': [[404, { 'DMP-Trace-Id': 'aa' }, 'aa'],
                         [404, { 'DMP-Trace-Id': 'bb' }, 'bb']],
  'same: the page': [[200, {}, bundle(0, '?_page=aaaa')], [200, {}, bundle(0, '?_page=bbbb')]],
  'differ: the status': [[403, {}, 'x'], [404, {}, 'x']],
  'differ: a header': [[404, { ETag: 'W/"1"' }, 'x'], [404, {}, 'x']],
  'differ: the type': [[404, { 'Content-Type': 'a/b' }, 'x'], [404, { 'Content-Type': 'a/c' }, 'x']],
  'differ: the length': [[404, {}, 'x'], [404, {}, 'xx']],
  'differ: a byte': [[404, {}, 'x'], [404, {}, 'y']],
  'differ: a total': [[200, {}, '{"total":1}'], [200, {}, '{"total":0}']],
  'differ: no answer': [null, [404, {}, 'x']],
  'hint: a next page': [[200, {}, bundle(1)], [200, {}, bundle(0)]],
};

const server = createServer((req, res) => {
  const [, , index, which] = req.url.split('/');
  const answer = Object.values(cases)[index][which === '1-hidden' ? 0 : 1];

  if (answer === null) {
    return req.socket.destroy();
  }

  res.writeHead(answer[0], answer[1]);
  return res.end(answer[2]);
});

await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));

const to = side('test', `http://127.0.0.1:${server.address().port}/fhir`);

for (const [index, name] of Object.keys(cases).entries()) {
  const found = await compare(new Player(to, {}), '1-hidden', '2-absent',
                              (x) => `${index}/${x}`);

  console.log([name, found?.differ ? 'differ' : found?.hint ? 'hint' : 'same'].join('\t'));
}

server.close();
END

is(scalar @found, 12, 'all were tried');
is($_->[1], $_->[0] =~ s/:.*//r, $_->[0]) for @found;
