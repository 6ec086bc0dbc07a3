# The history of a record, over the API: all that the trace says of it, newest
# first, to whom the table gives it, and their own lines to the others; what
# its numbers say; and that what does not hang together is never left out.

use strict;
use warnings;
use utf8;

use lib 't/lib';
use DMP;
use DMP::Connection;
use Emergency qw(key_of put_document uri);
use FakeRedis;
use POSIX ();
use Rights qw($Martin $Durand $Petit $Roux $Leroy $Record $True $False
    $Of_petit $Of_morel $Search $codec granted set_record gateway api is_refusal
    is_answer refused);
use Test::More;

binmode Test::More->builder->$_, ':utf8' for qw(output failure_output);

our $Fake = FakeRedis->new(redis_address(),
    [qr/^LRANGE \S+:idx:/, 'stall', when => 'stalled'],
    [qr/^LLEN \S+:idx:/, 'error', 'NOPERM this user has no permissions',
        when => 'denied'],
    [qr/^XRANGE \S+:trace/, 'close', when => 'cut'],
    [qr/^XRANGE \S+:trace/, 'stall', when => 'held']);

# what only its author and the treating physician see
put_document($Martin, 'hidden-note', type => ['http://loinc.org', '11488-4'],
    author => 'morel', master => "$Rights::System.99999.8.1");

gateway($Fake->address);

sub set { set_record(treating => [$Leroy], authorisations => { $Petit => granted() },
    masked => ["$Rights::System.99999.8.1"], @_) }

sub list { return Emergency::history($Martin) }
sub of { my ($as, $query, @more) = @_; return api($as, GET => "$Record/history" . ($query // ''), undef, @more) }

# A history that is given: its lines, by number; what must hold of each of them.
sub told
{
    my ($name, $as, $query) = @_;

    my $r = of($as, $query);

    is($r->{status}, 200, "$name: status") or diag($r->{body});
    is_answer($r, $name, 'application/json');
    is($r->{json}{ins}, $Martin, "$name: whose");

    my @n = map { $_->{n} } @{ $r->{json}{entries} };

    is_deeply(\@n, [sort { $b <=> $a } @n], "$name: newest first");
    cmp_ok($_->{n}, '<=', $r->{json}{total}, "$name: no number beyond the total")
        for @{ $r->{json}{entries} }[0 .. ($#n < 0 ? -1 : 0)];
    like($_->{text}, qr/^Le \d+(?:er)? \w+ \d{4} à \d\d:\d\d:\d\d, .*\.\z/, "$name: $_->{n}: a sentence")
        for @{ $r->{json}{entries} };
    unlike($r->{body}, qr/127\.0\.0\.1|jeanne\@|MARTIN|1985-03-02/,
        "$name: no address, no trait");

    return $r;
}

sub texts { return map { $_->{text} } @{ $_[0]{json}{entries} } }
sub numbers { return [map { $_->{n} } @{ $_[0]{json}{entries} }] }

# What is asked for on the way is not waited for here.
sub emergency
{
    my ($as) = @_;

    return request(get => $Search, as => $as, headers => [
        'DMP-Access-Mode: bris-de-glace',
        'DMP-Justification: ' . uri('Patiente inconsciente, « polytraumatisée »'),
        'DMP-Patient-Family: MARTIN', 'DMP-Patient-Given: Jeanne',
        'DMP-Patient-Birthdate: 1985-03-02']);
}

DMP::run();

__DATA__

=== TEST 1: the treating physician sees all of it, this very look first
--- code
set();
my $started = scalar list();
is(request(get => $Search, as => 'petit')->{status}, 200, 'one who is authorised');
is(request(get => $Search, as => 'roux')->{status}, 403, 'one who is not');
is(emergency('roux')->{status}, 200, 'but in an emergency');
is(api('leroy', PUT => "$Record/blocks/$Petit")->{status}, 200, 'a block');
my $r = told('all', 'leroy');
my @e = @{ $r->{json}{entries} };
my @refs = list();
is($r->{json}{total}, scalar @refs, 'as many lines as the list has');
is_deeply([map { $_->{n} } @e], [reverse @refs - @e + 1 .. @refs], 'each of them');
is(scalar @refs, $started + 5, 'no line but those');
is($e[0]{trace}, $r->{headers}{'dmp-trace-id'}, 'this access is the newest');
like($e[0]{text}, qr/le professionnel de santé $Leroy .*a consulté l'historique des accès : autorisé\.\z/,
    'and says so');
like($e[1]{text}, qr/$Leroy .*a bloqué l'accès de $Petit : fait\.\z/, 'a change of rights');
is("$e[1]{kind} $e[1]{operation} $e[1]{change} $e[1]{target} $e[1]{decision}",
    "change rights block $Petit allow", 'in members');
like($e[2]{text}, qr/: URGENCE|, URGENCE \(bris de glace\) : le professionnel de santé $Roux \(Médecin\).*justification « Patiente inconsciente, « polytraumatisée » » : autorisé\.\z/,
    'an emergency is marked, with its justification');
is("$e[2]{mode} $e[2]{emergency} $e[2]{justification}",
    "bris-de-glace 1 Patiente inconsciente, « polytraumatisée »", 'in members');
like($e[3]{text}, qr/$Roux .*a demandé la liste des documents : refusé, car ce professionnel n'était pas autorisé\.\z/,
    'a refused attempt with its reason');
is("$e[3]{decision} $e[3]{reason}", 'deny not-authorised', 'in members');
like($e[4]{text}, qr/$Petit .*identifié par sa propre carte, a consulté la liste des documents : autorisé\.\z/,
    'who, in which capacity, what');
is($e[4]{who}{id}, $Petit, 'by their number');
is($e[4]{who}{profession}{name}, 'Médecin', 'in their profession');
ok(!grep({ /règle|[A-H]\d/ } texts($r)), 'no codes');
my ($entry) = grep { $_->{body}{trace} eq $e[0]{trace} } trace();
is("$entry->{body}{decision} $entry->{body}{operation} $entry->{body}{rule} $entry->{body}{route}",
    'allow history E1 records/{ins}/history', 'the entry of this look');
verify_trace();
pass('the trace is whole');



=== TEST 2: others see their own, and nothing that tells of more
--- code
set();
is(request(get => $Search, as => 'roux')->{status}, 403, 'refused');
is(request(get => $Search, as => 'petit')->{status}, 200, 'let');
my $r = told('roux', 'roux');
is($r->{json}{total}, scalar @{ $r->{json}{entries} }, 'counted among themselves');
is_deeply(numbers($r), [reverse 1 .. $r->{json}{total}], 'and numbered so');
is_deeply([grep { $_->{who}{id} ne $Roux } @{ $r->{json}{entries} }], [], 'all of them their own');
cmp_ok(scalar list(), '>', $r->{json}{total}, 'there are others');
like($r->{json}{entries}[1]{text}, qr/refusé, car ce professionnel n'était pas autorisé\.\z/,
    'also what was refused');

# a document that does not exist for them leaves no line that says it does
my $before = $r->{json}{total};
my $lines = scalar list();
is(request(get => '/fhir/DocumentReference/hidden-note', as => 'petit')->{status}, 404, 'masked');
is(request(get => '/fhir/DocumentReference/hidden-note', as => 'roux')->{status}, 404, 'not authorised');
is(scalar list(), $lines + 2, 'both stand in the list');
my $again = told('roux', 'roux');
is($again->{json}{total}, $before + 1, 'roux: only the look itself is new');
my $petit = told('petit', 'petit');
ok(!grep({ /99999\.8\.1|masqué/ } texts($petit)), 'petit: neither its name nor why');
is_deeply(numbers($petit), [reverse 1 .. $petit->{json}{total}], 'no number is left out');
like(join("\n", texts(told('leroy', 'leroy'))), qr/$Petit .*a demandé à lire le document \S+99999\.8\.1 .*masqué aux professionnels/,
    'the treating physician reads of it');

# over the API they named the record: a try is told as it was answered
is_refusal(api('petit', PUT => "$Record/masks/$Rights::System.99999.8.1"), 'a mask', 404, 'document-foreign');
$petit = told('petit', 'petit');
is($petit->{json}{entries}[1]{reason}, 'document-foreign', 'as it was answered');
ok(!exists $petit->{json}{entries}[1]{documents}, 'no document');
unlike($petit->{body}, qr/99999\.8\.1/, 'nor its name');

# whatever card: the directory knows the other number
my $adeli = '0751234567';
DMP::import_directory({ kind => 'person', ids => [$Roux, $adeli], practices => [] });
is(told('roux', 'roux')->{json}{total}, $before + 2, 'under all identifiers');
redis('DEL', map { "dmp:dir:$_" } $Roux, $adeli);
verify_trace();
pass('the trace is whole');



=== TEST 3: who may not
--- code
set(blocked => [$Petit]);
of('petit') for 1, 2;                   # this worker knows the new record
refused('who is blocked', '403 F1 blocked', 'petit', GET => "$Record/history");
refused('staff', '403 D2 channel-mismatch', 'cpe', GET => "$Record/history");
refused('a structure', '403 D2 channel-mismatch', 'structure', GET => "$Record/history");
refused('nobody\'s', '403 C1 record-absent', 'leroy', GET => '/api/records/168112A00405781/history');
refused('with a body', '400 B1 request-ambiguous', 'leroy', GET => "$Record/history", '{}');
refused('by another method', '400 B1 operation-unknown', 'leroy', POST => "$Record/history");
refused('their own, who have none', '400 B1 request-ambiguous', 'leroy', GET => '/api/records/me/history');
set(status => 'closed');
of('leroy');
refused('of a closed record', '403 C2 record-closed', 'leroy', GET => "$Record/history");
set();
for my $query ('?', '?limit=0', '?limit=101', '?limit=01', '?limit=+1', '?limit=', '?limit', '?cursor=0',
    '?cursor=9007199254740992', '?cursor=x', '?since=2026-02-30', '?since=2026-2-1', '?until=1969-12-31',
    '?since=2026-02-01&until=2026-02-01', '?since=2026-02-02&until=2026-02-01', '?limit=1&limit=1',
    '?limit=1&', '?&limit=1', '?limit%3D1', '?limit=%31', '?Limit=1', '?patient=1', '?limit=1;cursor=2')
{
    refused($query, '400 B1 request-ambiguous', 'leroy', GET => "$Record/history$query");
}
refused('a query elsewhere', '400 B1 request-ambiguous', 'leroy', GET => "$Record?limit=1");
is_refusal(of('leroy', '', headers => ['Accept: application/fhir+xml']), 'in XML', 406, 'operation-unknown');



=== TEST 4: page by page, and nothing is told twice or left out while it grows
--- code
set();
# more lines than are read at once
api('petit', GET => $Record) for 1 .. 140;
for my $as (qw(leroy petit)) {
    my $whole = told("$as: whole", $as, '?limit=100');
    my %text = map { $_->{n} => $_->{text} } @{ $whole->{json}{entries} };
    my ($cursor, @seen) = ('');
    for my $page (1 .. 100) {
        my $r = of($as, "?limit=17$cursor");
        is($r->{status}, 200, "$as: page $page");
        my @e = @{ $r->{json}{entries} };
        cmp_ok(scalar @e, '<=', 17, "$as: no more than asked for");
        push @seen, @e;
        last if !defined $r->{json}{next};
        is(scalar @e, 17, "$as: whole, where others follow");
        $cursor = "&cursor=$r->{json}{next}";
    }
    is_deeply([map { $_->{n} } @seen], [reverse 1 .. $seen[0]{n}], "$as: each number once");
    is($seen[0]{n}, $whole->{json}{total} + 1, "$as: from the look at the first page on");
    is_deeply([grep { defined $text{ $_->{n} } && $_->{text} ne $text{ $_->{n} } } @seen], [],
        "$as: and each is what it was");
    is_deeply(of($as, '?cursor=1')->{json}{entries}, [], "$as: before the first there is none");
    is(scalar @{ of($as, '?cursor=9000000000')->{json}{entries} }, 50, "$as: fifty, unless told");
    cmp_ok($seen[0]{n}, '>', 140, "$as: all of them were gone through");
}



=== TEST 5: from day to day, in Paris
--- code
set();
my ($bucket) = key_of('idx', $Martin) =~ /^\{dmp:(\d+)\}/;
my $today = do { local $ENV{TZ} = 'Europe/Paris'; POSIX::tzset(); POSIX::strftime('%Y-%m-%d', localtime) };
my $tomorrow = do { local $ENV{TZ} = 'Europe/Paris'; POSIX::tzset(); POSIX::strftime('%Y-%m-%d', localtime(time + 86400)) };
POSIX::tzset();
for my $as (qw(leroy roux)) {
    my $total = told("$as: all", $as)->{json}{total};
    cmp_ok($total, '>', 0, "$as: some");
    for (["?since=$today", 1], ["?since=$today&until=$tomorrow", 1], ["?until=$tomorrow", 1],
        ["?until=$today", 0], ["?since=$tomorrow", 0], ['?until=1970-01-02', 0], ['?since=1970-01-02', 1])
    {
        my ($query, $some) = @$_;
        my $r = told("$as $query", $as, $query);
        is(scalar @{ $r->{json}{entries} } > 0, !!$some, "$as $query: some, or none");
        is($r->{json}{total}, ++$total, "$as $query: the total is of all");
        ok(!exists $r->{json}{next} || $some, "$as $query: nothing follows nothing");
    }
}



=== TEST 6: as a Bundle of AuditEvent
--- code
set();
emergency('roux');
my $fhir = ['Accept: application/fhir+json'];
my $r = of('leroy', '?limit=2', headers => $fhir);
is($r->{status}, 200, 'given');
is_answer($r, 'fhir', 'application/fhir+json');
my $b = $r->{json};
is("$b->{resourceType} $b->{type}", 'Bundle searchset', 'what it is');
is($b->{total}, scalar list(), 'its total');
my @events = map { $_->{resource} } @{ $b->{entry} };
is_deeply([map { $_->{resourceType} } @events], ['AuditEvent', 'AuditEvent'], 'two of them');
is_deeply([map { $_->{who}{identifier}{value} } grep { $_->{requestor} } @{ $events[1]{agent} }], [$Roux], 'who');
like($codec->encode($events[1]), qr/"BTG"/, 'in which mode');
like($codec->encode($events[1]), qr/"justification","valueString":"Patiente inconsciente/, 'and why');
my ($n) = map { $_->{valueString} } grep { $_->{type} eq 'n' } map { @{ $_->{detail} // [] } } @{ $events[0]{entity} };
is($n, $b->{total}, 'its number');
my ($next) = map { $_->{url} } grep { $_->{relation} eq 'next' } @{ $b->{link} };
like($next, qr/^history\?limit=2&cursor=\d+\z/, 'and the next page');
$r = api('leroy', GET => "$Record/$next", undef, headers => $fhir);
is($r->{status}, 200, 'is there');
is(scalar @{ $r->{json}{entry} }, 2, 'and has two');
unlike($r->{body}, qr/127\.0\.0\.1/, 'no address');
for (['application/json', 'json'], ['*/*', 'json'], ['application/json, application/fhir+json', 'json'],
    ['application/fhir+json, */*;q=0.1', 'fhir+json'], ['application/fhir+json;q=0.5, application/json', 'json'],
    ['application/json;q=0.5, application/fhir+json;q=0.75', 'fhir+json'])
{
    my ($accept, $type) = @$_;
    is(of('leroy', '?limit=1', headers => ["Accept: $accept"])->{headers}{'content-type'}, "application/$type", $accept);
}
is_refusal(of('roux', '?limit=0', headers => $fhir), 'a refusal', 400, 'request-ambiguous');



=== TEST 7: a store that does not answer, and rights that change meanwhile
--- code
set();
$Fake->on('denied');
is_refusal(of($_), "denied: $_", 503, 'trace-unavailable') for qw(leroy roux);
$Fake->off('denied');
$Fake->on('cut');
is_refusal(of('leroy'), 'cut', 503, 'trace-unavailable');
$Fake->off('cut');
wait_for { of('leroy')->{status} == 200 } 'the gateway is back';

# whoever leaves while entries are on their way is owed nothing
set();
$Fake->on('held');
my $request = Rights::parked(get => "$Record/history", as => 'leroy');
wait_for { ($Fake->commands)[-1] =~ /^XRANGE/ } 'entries are asked for';
Rights::leave($request);
$Fake->off('held');
is(of('leroy')->{status}, 200, 'the next one is served');
verify_trace();
pass('the trace is whole');

# longer than the deadline: what is told is for who may still see it
for (['dismissed', [treating => []], 503, 'trace-unavailable'],
    ['blocked', [blocked => [$Leroy]], 403, 'blocked'],
    ['something else', [authorisations => {}], 200])
{
    my ($name, $change, $status, $reason) = @$_;
    set();
    $Fake->on('stalled');
    my $asked = Rights::ask('leroy', GET => "$Record/history");
    wait_for { ($Fake->commands)[-1] =~ /^LRANGE/ } 'it is asked for';
    set(@$change);
    $Fake->off('stalled');
    my $r = Rights::answer($asked);
    is($r->{status}, $status, "$name: status");
    is($r->{json}{reason}, $reason, "$name: reason");
}
--- error_log
dmp store does not let a history be read: NOPERM|\[crit\] .*dmp store is unavailable



=== TEST 8: a list that is not the trace's is not told
--- code
set();
is(of('leroy')->{status}, 200, 'well');
api('leroy', GET => "/api/records/$Durand");
my $idx = key_of('idx', $Martin);
my $last = redis('LLEN', $idx) - 1;
my @mine = @{ redis('LRANGE', $idx, $last - 1, $last) };
for (['another\'s', $mine[0], redis('LRANGE', key_of('idx', $Durand), -1, -1)->[0]], ['none', $mine[0], 'probe'],
    ['two that changed places', @mine[1, 0]], ['one that stands twice', @mine[0, 0]])
{
    my ($name, @tampered) = @$_;
    redis('LSET', $idx, $last - 1 + $_, $tampered[$_]) for 0, 1;
    is_refusal(of($_), "$name: $_", 503, 'trace-unavailable') for qw(leroy petit);
    redis('LSET', $idx, $last - 1 + $_, $mine[$_]) for 0, 1;
    is(of($_)->{status}, 200, "$name: $_: put back") for qw(leroy petit);
}
verify_trace();
pass('the trace is whole');
--- error_log
\[crit\] .*dmp history of patient \S{22} does not hang together: (?:an entry is missing from the trace|an entry about another record|a line that is none|lines out of order)



=== TEST 9: what is missing from the trace is not left out
--- code
set();
is(emergency('roux')->{status}, 200, 'an emergency');
my ($key, $id) = (key_of('trace', $Martin), (list())[-1]);
is(redis('XDEL', $key, $id), 1, 'is taken out of the trace');
is_refusal(of($_), $_, 503, 'trace-unavailable') for qw(leroy roux petit);
is(of('leroy', '?limit=1')->{status}, 200, 'a page that does not touch it is given');

# what an operator knows to be lost is told as lost
my ($bucket) = $key =~ /^\{dmp:0*(\d+)\}/;
redis('HSET', 'dmp:meta', "recovered:$bucket", ($id =~ /^(\d+)/)[0] + 1);
$Fake->on('cut');
is_refusal(of('leroy'), 'the link is made anew', 503, 'trace-unavailable');
$Fake->off('cut');
wait_for { of('leroy')->{status} == 200 } 'it is told';
my $r = told('since a recovery', 'leroy');
my ($lost) = grep { $_->{lost} } @{ $r->{json}{entries} };
like($lost->{text}, qr/une ligne dont le contenu a été perdu/, 'that there was a line');
is_deeply(numbers($r), [reverse $r->{json}{total} - $#{ $r->{json}{entries} } .. $r->{json}{total}], 'no number is left out');
$r = of('leroy', '?limit=50', headers => ['Accept: application/fhir+json']);
is_deeply([map { $_->{search}{mode} } grep { $_->{resource}{resourceType} eq 'OperationOutcome' } @{ $r->{json}{entry} }],
    ['outcome'], 'also in FHIR');
told('roux', 'roux');
--- error_log
\[crit\] .*(?:dmp history of patient \S{22} does not hang together: an entry is missing from the trace|dmp store is unavailable)
