# What "dmpctl audit" tells of a trace: tail, export, stats, case, recover.  A
# real gateway wrote it, so what is told is what happened; the examples that IHE
# and the ANS publish say what an AuditEvent must look like.

use strict;
use warnings;
use utf8;

use lib 't/lib';
use DMP;
use Emergency qw(gateway record grant flags bris on_path id_of put_document
    target key_of in_words);
use Encode ();
use FakeRedis;
use JSON::PP;
use Test::More;

# The real one has done it, and its reply does not come.
package HoldingRedis {
    our @ISA = ('FakeRedis');

    sub send_what_is_due
    {
        my ($self, $c) = @_;

        return if $self->is_on({ when => 'withheld' })
            && grep { "@{ $_->{words} }[0, 1]" eq 'FCALL dmp1_trace' }
                grep { @{ $_->{words} } > 1 } @{ $c->{queue} };

        $self->SUPER::send_what_is_due($c);
    }
}

package main;

binmode Test::More->builder->$_, ':utf8' for qw(output failure_output todo_output);

our $Zoe = '185032A00100142';
our $Max = '291113306311296';          # of whom nobody asks anything

# An operator whose name would colour a terminal and compute in a table.
our $Operator = "=1+1\e[31m\x{202e}é";

our ($rc, $out, $err);
our @Store = ('--redis', redis_address());
our @Pseudonym = ('--pseudonym-key', DMP::keys() . '/pseudonym.key');
our @Record = ('--record-key', DMP::keys() . '/record.key');
our @Public = ('--audit-public-key', DMP::keys() . '/audit.pub');
our @Key = ('--audit-key', DMP::keys() . '/audit.key', '--operator', 'anne', '--node', 'office');
our $codec = JSON::PP->new->utf8;

# Exit code; what was said, decoded.
sub audit
{
    my @args = map { Encode::encode_utf8($_) } @_;

    my $base = DMP::Proc::dir() . '/audit';
    my $pid = fork() // die "fork: $!\n";

    if ($pid == 0) {
        open STDOUT, '>', "$base.out" or POSIX::_exit(126);
        open STDERR, '>', "$base.err" or POSIX::_exit(126);
        exec DMP::Proc::root() . '/build/dmpctl', 'audit', @args, @Store
            or POSIX::_exit(127);
    }

    waitpid $pid, 0;
    $rc = $? >> 8;
    ($out, $err) = map { Encode::decode_utf8(slurp("$base.$_")) } qw(out err);

    return $rc;
}

sub json_lines { return map { $codec->decode(Encode::encode_utf8($_)) } split /\n/, $out }

# Lines of tail, by a filter.
sub tail
{
    my ($what, $n, @filter) = @_;

    is(audit('tail', '--last', 1000, @filter), 0, "$what: is told") or diag $err;

    my @lines = split /\n/, $out;

    is(scalar(@lines), $n, "$what: $n of them") or diag $out;

    return @lines;
}

sub refuses
{
    my ($what, $code, $why, @args) = @_;

    is(audit(@args) . $out, $code, "$what: exit $code, and nothing else");
    like($err, $why, "$what: says why");
}

# ------------------------------------------------------------------ the story

for my $id (qw(zoe-report zoe-secret)) {
    put_document($Zoe, $id, type => ['http://loinc.org', '11488-4'],
        author => 'petit');
}

sub ask
{
    my ($as, $what, @headers) = @_;

    my $r = request(on_path('normal', get => target($what, $Zoe), as => $as,
        headers => \@headers));

    return $r->{headers}{'dmp-trace-id'};
}

our %Trace;

# Seven accesses, of which three are refused; one of them in an emergency.
sub story
{
    $Trace{read} = ask('morel', 'read zoe-report');
    $Trace{search} = ask('morel', 'search');
    $Trace{check} = ask('leroy', 'check');
    $Trace{blocked} = ask('roux', 'search');
    $Trace{denied} = ask('petit', 'search');
    $Trace{glass} = ask('petit', 'search', bris());
    $Trace{opposed} = ask('feeder', 'search');

    DMP::dmpctl('record', 'block', $Zoe, id_of('pharmacien'), @Store, @Record,
        @Pseudonym, '--policy', policy(), '--audit-key',
        DMP::keys() . '/audit.key', '--operator',
        Encode::encode_utf8($Operator), '--node', 'office');

    ended($_) for @Trace{qw(read search check glass blocked)};
}

# Said in batches, a little later.
sub ended
{
    my ($trace) = @_;

    wait_for {
        grep { $_->{trace} eq $trace }
            map { @{ $_->{body}{outcomes} } } trace(undef, qr/^outcome$/);
    } "the outcome of $trace";
}

# A search that the store let through, and that nobody was told of in time.
sub abandoned
{
    our $Fake->on('withheld');

    my $r = request(on_path('normal', get => target('search', $Zoe), as => 'morel'));

    is($r->{status}, 503, 'an answer of the store that comes too late');
    $Fake->off('withheld');

    my $trace = $r->{headers}{'dmp-trace-id'};

    wait_for {
        grep { $_ eq $trace }
            map { @{ $_->{body}{abandoned} } } trace(undef, qr/^outcome$/);
    } "$trace to be abandoned";

    return $trace;
}

sub pseudonym { return key_of('rec', $Zoe) =~ s/.*://r }
sub bucket { return 0 + (key_of('rec', $Zoe) =~ /^\{dmp:(\d+)\}/)[0] }

# ------------------------------------------------------------------- examples

sub example
{
    my ($name) = @_;

    return $codec->decode(slurp("t/fixtures/$name.json"));
}

sub code_of { my ($c) = @_; return "$c->{system}|$c->{code}" }
sub types_of { return join ' ', sort map { code_of($_->{type}{coding}[0]) } @_ }

# What every AuditEvent of R4 has, by the standard.
sub is_event
{
    my ($event, $what) = @_;

    is($event->{resourceType}, 'AuditEvent', "$what: an AuditEvent");
    like($event->{id}, qr/^[A-Za-z0-9\-.]{1,64}$/, "$what: an id");
    ok(code_of($event->{type}) =~ m{^http}, "$what: a type");
    like($event->{recorded}, qr/^\d{4}-\d\d-\d\dT[\d:.]+Z$/, "$what: when");
    like($event->{action}, qr/^[CRUDE]$/, "$what: an action");
    like($event->{outcome}, qr/^(?:0|4|8|12)$/, "$what: an outcome");
    ok(@{ $event->{agent} } >= 1, "$what: agents");
    ok(!(grep { ref $_->{requestor} ne 'JSON::PP::Boolean' } @{ $event->{agent} }),
        "$what: requestor of each");
    ok($event->{source}{observer}, "$what: who observed it");
    is(join(' ', grep { ref $event->{$_} eq 'ARRAY' && !@{ $event->{$_} }
        || ref $event->{$_} eq 'HASH' && !%{ $event->{$_} }
        || !defined $event->{$_} || !length $event->{$_} } sort CORE::keys %$event),
        '', "$what: nothing is empty");
}

sub entity_of
{
    my ($event, $type) = @_;

    my ($entity) = grep { $_->{type}{code} eq $type } @{ $event->{entity} };

    return $entity;
}

sub detail_of
{
    my ($event, $name) = @_;

    my ($value) = map { $_->{valueString} } grep { $_->{type} eq $name }
        map { @{ $_->{detail} // [] } } @{ $event->{entity} };

    return $value;
}

sub user_of { return (grep { $_->{requestor} } @{ $_[0]{agent} })[0] }

sub by_trace
{
    my ($trace, @events) = @_;

    return grep { my $x = entity_of($_, 'XrequestId');
        ($x ? $x->{what}{identifier}{value} : detail_of($_, 'trace')) eq $trace }
        @events;
}

# ------------------------------------------------------------------------ CSV

# RFC 4180, read strictly.
sub rows
{
    my ($text) = @_;

    my (@rows, @row);

    while ($text =~ /\G(?:"((?:[^"]|"")*)"|([^",\r\n]*))(,|\r\n)/gc) {
        my ($cell, $end) = (defined $1 ? $1 =~ s/""/"/gr : $2, $3);

        push @row, $cell;

        if ($end ne ',') {
            push @rows, [@row];
            @row = ();
        }
    }

    die 'not CSV: ' . substr($text, pos($text) // 0, 80) . "\n"
        if (pos($text) // 0) != length $text;

    return @rows;
}

sub table
{
    my ($names, @rows) = rows($out);

    return map { my $row = $_; +{ map { $names->[$_] => $row->[$_] } 0 .. $#$names } }
        @rows;
}

DMP::initialise_store();
redis('HSET', 'dmp:meta', 'deadline_ms', 250);
our $Fake = HoldingRedis->new(redis_address(), [qr/^EXEC/, 'close', when => 'cut'],
    [qr/^FCALL dmp1_append .*"phase":"end"/s, 'close', when => 'unended']);
import_records(
    record($Zoe, grant('morel', 'pharmacien'), treating => [id_of('leroy')],
        blocked => [id_of('roux')], flags(1, 1, 0)),
    record($Max, flags(1, 1, 0)));

add_block_preprocessor(sub {
    my ($block) = @_;

    $block->set_value(http_config => gateway(redis => $Fake->address));
});

DMP::run();

__DATA__

=== TEST 1: tail tells who did what, and opens only what it has the key of
--- code
story();
my ($read) = tail('a document read', 1, '--operation', 'read');
like($read, qr/^\d{4}-\d\d-\d\dT[\d:.]{12}Z  access  allow  professional ${\ id_of('morel')}, role 10/,
    'when, what, who');
like($read, qr/ read TD3\.2  patient ${\ pseudonym()}  document zoe-report/,
    'what, and whose by the pseudonym');
like($read, qr/ mode normal  rule G1 none  from 127\.0\.0\.1 /, 'how, by which rule');
my ($glass) = tail('the emergency', 1, '--emergency');
like($glass, qr/allow  EMERGENCY  professional ${\ id_of('petit')}.* mode bris-de-glace/,
    'it is marked');
unlike($glass, qr/inconsciente/, 'its justification is sealed');
($glass) = tail('the emergency, with the key', 1, '--emergency', @Record);
like($glass, qr/justification "Patiente inconsciente"/, 'and opened');
my ($change) = tail('the change', 1, '--kind', 'change', '--actor', $Operator, @Record);
like($change, qr/operator =1\+1\\u\{1b\}\[31m\\u\{202e\}é  rights block ${\ id_of('pharmacien')}/,
    'no word of it reaches a terminal as anything but letters');
unlike($out, qr/[\x00-\x09\x0b-\x1f\x7f-\x9f\x{202e}]/, 'none at all');
unlike($out, qr/$Zoe/, 'nor does the INS');



=== TEST 2: filters, one by one and together
--- code
my $about = grep { ($_->{body}{patient} // '') eq pseudonym() } trace();
ok($about >= 9, 'there are some');
tail('the patient by INS', $about, '--patient', $Zoe, @Pseudonym);
tail('and by pseudonym', $about, '--pseudonym', pseudonym());
tail('of a patient of whom nothing was asked', 1, '--patient', $Max, @Pseudonym);
tail('who', 2, '--actor', id_of('morel'));
tail('denials', 3, '--decision', 'deny');
tail('a reason', 1, '--reason', 'blocked');
tail('an operation', 5, '--operation', 'search');
tail('two filters', 2, '--operation', 'search', '--decision', 'allow');
tail('three', 1, '--operation', 'search', '--actor', id_of('petit'), '--emergency');
tail('contradictory', 0, '--decision', 'deny', '--emergency');
tail('two kinds', 10, '--kind', 'change', '--kind', 'access');
is(audit('tail', '--last', 2), 0, 'the last two');
is(scalar(() = $out =~ /\n/g), 2, 'are two');
like((split /\n/, $out)[1], qr/ rights block /, 'the newest last');
my @times = map { (split)[0] } tail('all', 10);
is_deeply(\@times, [sort @times], 'oldest first');
is(audit('tail', '--since', '2020-01-01', '--json'), 0, 'all since a day');
is(scalar(json_lines()), 10, 'are all');
is(audit('tail', '--since', '2099-01-01'), 0, 'from a day to come');
is($out, '', 'there is none');
my ($entry) = trace();
my $at = $entry->{body}{time};
is(audit('tail', '--kind', 'all', '--since', '2020-01-01', '--until', $at), 0, 'until then');
ok(!(grep { (split)[0] ge $at } split /\n/, $out), 'and not that instant');
is(audit('tail', '--kind', 'all', '--last', 1000), 0, 'gateways, too');
like($out, qr/  $_  /, "of the kind $_") for qw(epoch-open checkpoint outcome access);



=== TEST 3: for machines: the body as it stands, and what was opened
--- code
is(audit('tail', '--emergency', '--json', @Record), 0, 'is told');
my ($said) = json_lines();
my ($entry) = grep { $_->{body}{emergency} } trace();
is($said->{id}, $entry->{id}, 'the id');
is($said->{bucket}, bucket(), 'the bucket');
is($said->{outcome}, '1', 'the outcome');
ok(!exists $said->{body}{reason}, 'the body, with no reason where there is none');
is_deeply({ reason => 'none', %{ $said->{body} } }, $entry->{body}, 'the body');
is($said->{justification}, 'Patiente inconsciente', 'the justification');
my $other = DMP::Proc::dir() . '/other';
mkdir $other or die;
DMP::dmpctl('keygen', 'record', $other);
is(audit('tail', '--emergency', '--json', '--record-key', "$other/record.key"), 0,
    'with another key');
($said) = json_lines();
ok(!exists $said->{justification}, 'it does not open');
is($said->{does_not_open}, JSON::PP::true, 'and says so');



=== TEST 4: what nobody asked for is refused, by its name
--- code
refuses('a reason', 2, qr/--reason "because" is not known/, 'tail', '--reason', 'because');
refuses('a decision', 2, qr/--decision "maybe"/, 'tail', '--decision', 'maybe');
refuses('an operation', 2, qr/--operation "look"/, 'tail', '--operation', 'look');
refuses('a kind', 2, qr/--kind "none"/, 'tail', '--kind', 'none');
refuses('a time', 2, qr/--since "yesterday"/, 'tail', '--since', 'yesterday');
refuses('a day', 2, qr/--until "2026-02-30"/, 'tail', '--until', '2026-02-30');
refuses('no time between', 2, qr/--until is not after/, 'tail', '--since', '2026-02-02',
    '--until', '2026-02-02');
refuses('a pseudonym', 2, qr/--pseudonym "abc"/, 'tail', '--pseudonym', 'abc');
refuses('an INS', 2, qr/^dmpctl: that is not an INS\n/, 'tail', '--patient', '12', @Pseudonym);
refuses('no key', 2, qr/an INS needs --pseudonym-key/, 'tail', '--patient', $Zoe);
refuses('two patients', 2, qr/give one/, 'tail', '--patient', $Zoe, '--pseudonym', pseudonym());
refuses('a number', 2, qr/--last "-1"/, 'tail', '--last', '-1');
refuses('no end', 2, qr/--follow has no --until/, 'tail', '--follow', '--until', '2099-01-01');
refuses('a word', 2, qr/"now"/, 'tail', 'now');
refuses('an empty actor', 2, qr/--actor "" is empty/, 'tail', '--actor', '');
refuses('no format', 2, qr/--format is needed/, 'export');
refuses('a format', 2, qr/--format "xml"/, 'export', '--format', 'xml');
refuses('a profile', 2, qr/--profile "dicom"/, 'export', '--format', 'fhir', '--profile', 'dicom');
refuses('a profile of a table', 2, qr/are for fhir/, 'export', '--format', 'csv', '--bundle');
refuses('decisions of tde', 2, qr/--decisions is for/, 'export', '--format', 'fhir',
    '--profile', 'tde', '--decisions');
refuses('an epoch as an event', 2, qr/"epoch-open" has no AuditEvent/, 'export',
    '--format', 'fhir', '--kind', 'epoch-open');
refuses('a table that is there', 3, qr/audit\.out: File exists/, 'export', '--format', 'csv',
    '--output', DMP::Proc::dir() . '/audit.out');



=== TEST 5: tail follows
--- code
my $log = DMP::Proc::dir() . '/follow';
my $pid = DMP::Proc::start('tail', $log, DMP::Proc::root() . '/build/dmpctl', 'audit',
    'tail', '--last', 1, '--follow', '--kind', 'access', @Store);
wait_for { slurp($log) =~ /\n/ } 'the last line so far';
my $mark = trace_mark();
my $trace = ask('morel', 'read zoe-secret');
wait_for { slurp($log) =~ /document zoe-secret/ } 'what came';
ask('roux', 'search');
wait_for { slurp($log) =~ /zoe-secret.*\n.* deny .* blocked/ } 'and what came then';
is(scalar(() = slurp($log) =~ /\n/g), 1 + (() = trace($mark, qr/^access$/)), 'each once');
like(slurp($log), qr/  allow \(void: the record had changed\)  .*zoe-secret.*\n.*  allow  .*zoe-secret/,
    'what was decided on a version before the change was decided again');
ok(DMP::Proc::alive($pid), 'it goes on');
DMP::Proc::stop($pid);
unlike(slurp($log), qr/dmpctl:/, 'and has not complained');
ended($trace);



=== TEST 6: FHIR, IHE BALP: what was done, as in the published examples
--- code
is(audit('export', '--format', 'fhir'), 0, 'exported') or diag $err;
my @events = json_lines();
is(scalar(@events), scalar(grep { $_->{body}{kind} ne 'admin' } trace()),
    'one for each access and change');
is_event($_, $_->{id}) for @events;
is(scalar(CORE::keys %{ +{ map { $_->{id} => 1 } @events } }), scalar(@events), 'ids are different');
unlike($out, qr/$Zoe/, 'no INS');
my ($read) = by_trace($Trace{read}, @events);
my $example = example('ihe/BALP-AuditEvent-ex-auditBasicReadClient');
is_deeply($read->{meta}{profile}, $example->{meta}{profile}, 'a read: the profile');
is_deeply($read->{$_}, $example->{$_}, "a read: $_") for qw(type subtype action outcome);
is(types_of(@{ $read->{agent} }), types_of(@{ $example->{agent} }), 'a read: agents');
for my $agent (@{ $example->{agent} }) {
    my ($ours) = grep { types_of($_) eq types_of($agent) } @{ $read->{agent} };
    my $type = $agent->{type}{coding}[0]{code};
    is(join(' ', sort CORE::keys %$ours), join(' ', sort(CORE::keys %$agent,
        $type eq 'IRCP' ? qw(purposeOfUse role) : ())), "a read: what agent $type has");
    is($ours->{requestor}, $agent->{requestor}, "a read: whether $type asks");
}
is(join(' ', sort map { code_of($_->{type}) } @{ $read->{entity} }),
    join(' ', sort map { code_of($_->{type}) } @{ $example->{entity} }), 'a read: entities');
is_deeply(entity_of($read, $_)->{role}, entity_of($example, $_)->{role}, "a read: role of $_")
    for 1, 2;
is_deeply(entity_of($read, 1)->{what}, { type => 'Patient', identifier => {
    system => 'urn:dmp:pseudonym', value => pseudonym() } }, 'the patient, by the pseudonym');
is_deeply(entity_of($read, 2)->{what}, { type => 'DocumentReference',
    identifier => { value => 'zoe-report' } }, 'the document');
is_deeply(user_of($read)->{who}, { type => 'Practitioner', identifier => {
    system => 'urn:oid:1.2.250.1.71.4.2.1', value => id_of('morel') } }, 'who');
is(user_of($read)->{role}[0]{coding}[0]{code}, '10', 'a doctor');
is(user_of($read)->{purposeOfUse}[0]{coding}[0]{code}, 'TREAT', 'for care');
is(detail_of($read, 'status'), 200, 'how it ended');
my ($entry) = grep { $_->{body}{trace} eq $Trace{read} } trace();
is(detail_of($read, $_->[0]), $_->[1], "its $_->[0]") for ['stream-id', $entry->{id}],
    ['bucket', bucket()], ['writer', $entry->{body}{writer}], ['seq', $entry->{body}{seq}],
    ['rule', 'G1'], ['record-version', $entry->{body}{version}];
my ($search) = by_trace($Trace{search}, @events);
is_deeply($search->{meta}{profile}, [$example->{meta}{profile}[0] =~ s/Read$/Query/r],
    'a search: the profile');
is($search->{action}, 'E', 'a search: executes');
is_deeply(entity_of($search, 2)->{_query}{extension}, [{
    url => 'http://hl7.org/fhir/StructureDefinition/data-absent-reason',
    valueCode => 'masked' }], 'a search: its query is said to be left out');
is(detail_of($search, 'shown'), 2, 'a search: how many were shown');
my ($glass) = by_trace($Trace{glass}, @events);
is(user_of($glass)->{purposeOfUse}[0]{coding}[0]{code}, 'BTG', 'an emergency: breaks the glass');
ok(!defined detail_of($glass, 'justification'), 'an emergency: nothing is opened');
my ($change) = grep { (detail_of($_, 'change') // '') eq 'block' } @events;
is($change->{action}, 'U', 'a change: updates');
is(entity_of($change, 2)->{what}{type}, 'Consent', 'a change: of the consent');
is(detail_of($change, 'target'), id_of('pharmacien'), 'a change: whom');
ok(!$change->{meta}{profile}, 'a change by command: no client, so no profile is claimed');
is($change->{agent}[1]{who}{display}, $Operator, 'a change: who');



=== TEST 7: FHIR, IHE BALP: decisions
--- code
is(audit('export', '--format', 'fhir', '--decision', 'deny', '--operation', 'search'), 0,
    'refusals');
my @events = json_lines();
my ($denied) = by_trace($Trace{blocked}, @events);
my $example = example('ihe/BALP-AuditEvent-ex-auditAuthZconsent-deny');
is_deeply($denied->{$_}, $example->{$_}, "$_ as in the example")
    for qw(type subtype action outcome);
like($denied->{outcomeDesc}, qr/^deny by rule F1: blocked$/, 'why');
is(join(' ', map { code_of($_->{type}) } @{ $denied->{entity} }),
    join(' ', map { code_of($_->{type}) } @{ $example->{entity} }), 'entities as in the example');
my %have = map { $_ => 1 } split ' ', types_of(@{ $denied->{agent} });
my %want = map { $_ => 1 } split ' ', types_of(@{ $example->{agent} });
is(join(' ', grep { !$want{$_} } sort CORE::keys %have), '', 'no agent that it does not have');
is(!!$denied->{meta}{profile}, !grep({ !$have{$_} } CORE::keys %want),
    'the profile is claimed with all agents, and not without');
is(detail_of($denied, 'trace'), $Trace{blocked}, 'the trace id');
is_deeply(entity_of($denied, 'Consent')->{what}{identifier}{system}, 'urn:dmp:record-version',
    'the consent is the version of the record');
is(audit('export', '--format', 'fhir', '--operation', 'read'), 0, 'reads');
my $reads = () = json_lines();
is(audit('export', '--format', 'fhir', '--operation', 'read', '--decisions'), 0,
    'reads, and what let them');
is(scalar(json_lines()), $reads + grep({ $_->{outcome} eq '1'
    && $_->{body}{operation} eq 'read' } trace()), 'two for each that counted');
my ($permit) = grep { $_->{id} =~ /-permit$/ } json_lines();
is_event($permit, 'what let it');
is_deeply($permit->{subtype}, $example->{subtype}, 'is a decision');
is($permit->{outcome}, '0', 'which lets');
is(audit('export', '--format', 'fhir', '--emergency', @Record), 0, 'with the key');
is(detail_of((json_lines())[0], 'justification'), 'Patiente inconsciente', 'it is opened');
is(audit('export', '--format', 'fhir', '--bundle', '--patient', $Zoe, @Pseudonym), 0,
    'as a Bundle');
my $bundle = $codec->decode(Encode::encode_utf8($out));
is($bundle->{resourceType} . $bundle->{type}, 'Bundlecollection', 'a collection');
is_event($_->{resource}, $_->{resource}{id}) for @{ $bundle->{entry} };
ok(@{ $bundle->{entry} } > 5, 'of events');



=== TEST 8: FHIR, the French profile
--- code
my $file = DMP::Proc::dir() . '/tde.ndjson';
is(audit('export', '--format', 'fhir', '--profile', 'tde', '--output', $file), 0, 'exported')
    or diag $err;
is($out, '', 'into a file');
is((stat $file)[2] & 0777, 0600, 'that nobody else reads');
my @events = map { $codec->decode($_) } split /\n/, slurp($file);
is(scalar(@events), scalar(grep { $_->{body}{kind} ne 'admin' } trace()), 'one for each');
my $example = example('tracabilite/AuditEvent-TDEAuditEventExample');
for my $event (@events) {
    my $what = $event->{id};
    is_event($event, $what);
    is_deeply($event->{meta}{profile}, $example->{meta}{profile}, "$what: the profile");
    is(code_of($event->{type}), code_of($example->{type}), "$what: the type");
    is(scalar(@{ $event->{subtype} }), 1, "$what: one subtype");
    is($event->{subtype}[0]{system}, $example->{subtype}[0]{system}, "$what: of its system");
    is($event->{period}{start}, $event->{recorded}, "$what: when it began");
    ok(@{ $event->{agent} } <= 2, "$what: two agents at most");
    ok(!(grep { !%{ $_->{who} } } @{ $event->{agent} }), "$what: who, of each");
    is(scalar(grep { $_->{requestor} } @{ $event->{agent} }), 1, "$what: one of them asks");
    is($event->{source}{observer}{type}, 'Device', "$what: a device observed it");
    is(join(' ', grep { !exists $event->{$_} } grep { $_ !~ /^(?:text|period)$/ }
        CORE::keys %$example), '', "$what: all that the example has");
}
my ($read) = by_trace($Trace{read}, @events);
is_deeply($read->{subtype}, $example->{subtype}, 'a read is a read');
is($read->{agent}[0]{network}{address}, '127.0.0.1', 'from where');
my ($denied) = by_trace($Trace{blocked}, @events);
is($denied->{outcome}, '8', 'a refusal failed');
is($denied->{subtype}[0]{code}, 'search-type', 'and was to be a search');



=== TEST 9: a table that no spreadsheet computes
--- code
is(audit('export', '--format', 'csv', @Record), 0, 'exported') or diag $err;
my ($names) = rows($out);
is(scalar(grep { @$_ != @$names } rows($out)), 0, 'each row has each column');
my @rows = table();
my @entries = trace();
is(scalar(@rows), scalar(@entries), 'one row for each entry');
is_deeply([map { $_->{id} } @rows], [map { $_->{id} } @entries], 'in their order');
is_deeply([sort map { $_->{trace} } @rows], [sort map { $_->{body}{trace} } @entries],
    'with their ids');        # of one instant any may come first
my ($read) = grep { $_->{trace} eq $Trace{read} } @rows;
is_deeply({ map { $_ => $read->{$_} } qw(kind outcome actor_kind actor_id role operation
    transaction mode emergency decision rule reason documents status withheld abandoned) },
    { kind => 'access', outcome => '1', actor_kind => 'professional', actor_id => id_of('morel'),
      role => '10', operation => 'read', transaction => 'TD3.2', mode => 'normal',
      emergency => 'false', decision => 'allow', rule => 'G1', reason => 'none',
      documents => 'zoe-report', status => 200, withheld => 0, abandoned => 'false' }, 'a read');
is($read->{patient} =~ s/^'//r, pseudonym(), 'whose');
my ($glass) = grep { $_->{emergency} eq 'true' } @rows;
is($glass->{justification}, 'Patiente inconsciente', 'what was opened');
my ($change) = grep { $_->{change} eq 'block' } @rows;
is($change->{actor_id}, "'$Operator", 'what begins like a formula begins with an apostrophe');
is($change->{new_version}, $change->{version} + 1, 'the version it made');
ok(!(grep { /^[=+\-@\t\r]/ } map { values %$_ } @rows), 'nothing else does either');



=== TEST 10: what there is, in numbers
--- code
is(audit('stats', '--json'), 0, 'counted') or diag $err;
my ($stats) = json_lines();
my @all = trace(undef, qr/./);
my @asked = grep { $_->{body}{kind} =~ /^(?:access|change)$/ } @all;
my (%kinds, %reasons, %actors, %writers, %of);
$kinds{ $_->{body}{kind} }++, $writers{ $_->{body}{writer} }++, $of{ $_->{stream} }++ for @all;
$reasons{ $_->{body}{reason} }++, $actors{ $_->{body}{actor}{kind} }++ for @asked;
is_deeply($stats->{kinds}, \%kinds, 'by kind');
is_deeply($stats->{reasons}, \%reasons, 'by reason');
is_deeply($stats->{actors}, \%actors, 'by kind of actor');
is($stats->{entries}, scalar(@all), 'entries');
is($stats->{writers}, scalar(CORE::keys %writers), 'writers');
is($stats->{emergencies}, 1, 'emergencies');
is($stats->{buckets}{max}, (sort { $b <=> $a } values %of)[0], 'the fullest bucket');
is($stats->{buckets}{number}, 64, 'of all');
is($stats->{unreadable}, 0, 'all could be read');
my ($first, $last) = (sort map { $_->{body}{time} } @all)[0, -1];
is($stats->{first}, $first, 'the first');
is($stats->{last}, $last, 'the last');
my $days = 0;
$days += $_ for values %{ $stats->{days} };
is($days, scalar(@asked), 'each on a day');
is(audit('stats'), 0, 'for people');
like($out, qr/^entries +$stats->{entries}$/m, 'the same');
like($out, qr/^reasons:\n(?:  .*\n)*?  blocked +2$/m, 'one below the other');
is(audit('stats', '--since', '2099-01-01', '--json'), 0, 'of days to come');
is((json_lines())[0]{entries}, 0, 'nothing');



=== TEST 11: a patient asks who has seen their record
--- code
my @case = ('case', $Zoe, @Pseudonym, @Record, @Public, '--policy', policy());
is(audit(@case), 0, 'it is told, and whole') or diag $err;
unlike($out, qr/$Zoe/, 'without the INS');
my @lines = $out =~ /^(\d+\. .*)$/mg;
my @all = grep { ($_->{body}{patient} // '') eq pseudonym() } trace();
my @about = grep { $_->{outcome} ne '0' } @all;
is(scalar(@lines), scalar(@about), 'each access and each change');
is_deeply([map { /^(\d+)/ } @lines], [1 .. @lines], 'numbered');
my ($read) = grep { /zoe-report/ } @lines;
like($read, qr/Le \d+(?:er)? \S+ \d{4} à \d\d:\d\d:\d\d, le professionnel de santé ${\ id_of('morel')} \(Médecin\)/,
    'when and who, by their profession');
like($read, qr/, depuis l'adresse 127\.0\.0\.1, a lu le document zoe-report.* : autorisé \(règle G1\)/,
    'what, from where, by which right');
my ($blocked) = grep { /\(règle F1, blocked\)/ } @lines;
like($blocked, qr/a demandé la liste des documents : refusé, car l'accès de ce professionnel était bloqué/,
    'a refusal, and why');
my ($glass) = grep { /URGENCE/ } @lines;
like($glass, qr/URGENCE \(bris de glace\) : le professionnel de santé ${\ id_of('petit')}.*avec la justification « Patiente inconsciente »/,
    'an emergency, and what was said of it');
my ($change) = grep { /bloqué l'accès de/ } @lines;
like($change, qr/l'opérateur de l'hébergeur =1\+1\\u\{1b\}.* a bloqué l'accès de ${\ id_of('pharmacien')}.* : fait/,
    'a change');
like($out, qr/Cette liste est complète : ${\ scalar @about} accès, refus et changements, vérifiée jusqu'au \d/,
    'and it is said to be all');
is(audit(@case, '--json'), 0, 'for machines');
my ($said) = json_lines();
is($said->{whole}, JSON::PP::true, 'whole');
is(scalar(@{ $said->{entries} }), scalar(@about), 'all of them');
is($said->{references}, scalar(@all), 'as many as the history has');
is($said->{entries}[0]{n}, 1, 'numbered');
is(audit(@case, '--since', '2099-01-01'), 0, 'nothing since then');
like($out, qr/^Cette liste est complète : 0 accès, refus ou changement depuis le 1er janvier 2099 à 00:00:00/m,
    'which is all, too');



=== TEST 12: what did not count is a try, and what was not forwarded is said so
--- code
my @about = grep { ($_->{body}{patient} // '') eq pseudonym() } trace();
my @void = grep { $_->{outcome} eq '0' } @about;
is(audit('case', $Zoe, @Pseudonym, @Public, '--json'), 0, 'told');
my ($said) = json_lines();
is($said->{void}, scalar(@void), 'tries are counted apart');
is(scalar(@{ $said->{entries} }), @about - @void, 'and not listed');
is($said->{abandoned}, 0, 'none was abandoned');
my $lost = abandoned();
is(audit('case', $Zoe, @Pseudonym, '--keyring', DMP::keys()), 0, 'with one that is');
like($out, qr/a demandé la liste des documents : autorisé \(règle G1\) ; enregistré, non transmis\.$/m,
    'it is said');
is(() = $out =~ /non transmis\.$/mg, 2, 'of it and in the sum');
is(audit('export', '--format', 'fhir', '--operation', 'search', '--decision', 'allow'), 0,
    'exported');
my ($event) = by_trace($lost, json_lines());
is($event->{outcome}, '4', 'as a failure');
is(detail_of($event, 'abandoned'), 'true', 'which is said');
ok(!$event->{meta}{profile}, 'of no profile: that is of what succeeded');
is(audit('export', '--format', 'csv', '--operation', 'search', '--decision', 'allow'), 0,
    'as a table');
is((grep { $_->{trace} eq $lost } table())[0]{abandoned}, 'true', 'too');
is(audit('stats', '--json'), 0, 'and counted');
is((json_lines())[0]{abandoned}, 1, 'once');



=== TEST 13: what is no entry
--- code
my ($entry) = trace();
my $junk = redis('XADD', $entry->{stream}, '*', 'b', "{\"x\":\"\e[2J\"}", 'o', '1');
is(audit('tail', '--last', 1), 0, 'what is no entry');
like($out, qr/UNREADABLE  bucket \d+, entry /, 'is shown as that');
unlike($out, qr/\e/, 'with nothing for the terminal');
is(audit('export', '--format', 'csv'), 1, 'and an export says that it is not all');
like($err, qr/cannot be read/, 'because of it');
is(audit('stats', '--json'), 1, 'as do the numbers');
is((json_lines())[0]{unreadable}, 1, 'it is one');
redis('XDEL', $entry->{stream}, $junk);



=== TEST 14: buckets that were closed
--- code
sub close_bucket
{
    redis('FCALL', 'dmp1_close', 3, sprintf('{dmp:%02d}:closed', $_), 'dmp:closed', 'dmp:meta',
        'node/0123456789abcdef', "went back\e[0m", $_, 10 ** 14) for @_;
}
sub recovered { return { @{ redis('HGETALL', 'dmp:meta') } }->{"recovered:$_[0]"} }
is(audit('recover'), 0, 'none is closed');
is($out, "No bucket is closed.\n", 'and that is said');
refuses('one that is open', 1, qr/bucket 7 is not closed/, 'recover', 7, '--confirm', @Key);
close_bucket(7, 9);
refuses('no bucket', 2, qr/"64" is no bucket: 0 to 63/, 'recover', 64);
refuses('no number', 2, qr/"x" is no bucket/, 'recover', 'x');
refuses('which', 2, qr/--confirm needs a bucket, or --all/, 'recover', '--confirm', @Key);
refuses('no key', 2, qr/--confirm needs --audit-key/, 'recover', 7, '--confirm');
refuses('all and one', 2, qr/no bucket is to be named/, 'recover', 7, '--all');
refuses('one that is open, with one that is not', 1, qr/bucket 8 is not closed/, 'recover',
    7, 8, '--confirm', @Key);
is(redis('EXISTS', '{dmp:07}:closed'), 1, 'and nothing is opened');
is(audit('recover'), 0, 'what is closed');
like($out, qr/^bucket 7\n  closed by  node\/0123456789abcdef\n  at         \d{4}-.*Z\n  because    went back\\u\{1b\}\[0m\n  entries    \d+\nbucket 9\n/,
    'by whom, when, why');
like($out, qr/Nothing was changed/, 'only shown');
is(redis('EXISTS', '{dmp:07}:closed', '{dmp:09}:closed'), 2, 'both are closed still');
is(recovered(7), undef, 'nothing counted');
my $mark = trace_mark();
is(audit('recover', 7, '--confirm', @Key), 0, 'one of them') or diag $err;
is(redis('EXISTS', '{dmp:07}:closed'), 0, 'it is open');
is(redis('EXISTS', '{dmp:09}:closed'), 1, 'the other is not');
is_deeply(redis('SMEMBERS', 'dmp:closed'), [9], 'nor in the list');
my $then = recovered(7);
cmp_ok($then, '>', 1_700_000_000_000, 'gateways can see it: the time');
my @admin = trace($mark, qr/^admin$/);
is_deeply([map { [@{ $_->{body} }{qw(command phase buckets)}, $_->{body}{actor}{id}] } @admin],
    [['audit recover', 'begin', [7], 'anne'], ['audit recover', 'end', [7], 'anne']],
    'traced, before and after');
isnt($admin[0]{body}{bucket}, 9, 'where one can write');
is($admin[0]{body}{trace}, $admin[1]{body}{trace}, 'as one command');
refuses('again', 1, qr/bucket 7 is not closed/, 'recover', 7, '--confirm', @Key);
redis('DEL', '{dmp:09}:closed');
is(audit('recover', '--all', '--confirm', @Key, '--json'), 0, 'half closed is closed');
is_deeply([map { [@$_{qw(bucket by reopened)}] } @{ (json_lines())[0]{buckets} }],
    [[9, undef, JSON::PP::true]], 'and opened');
is_deeply(redis('SMEMBERS', 'dmp:closed'), [], 'none is left');
close_bucket(11);
redis('SREM', 'dmp:closed', 11);
is(audit('recover', 11, '--confirm', @Key), 0, 'the other half, too') or diag $err;
is(redis('EXISTS', '{dmp:11}:closed'), 0, 'and opened');
close_bucket(0 .. 63);
$mark = trace_mark();
is(audit('recover', '--all', '--confirm', @Key), 0, 'all at once') or diag $err;
is_deeply(redis('SMEMBERS', 'dmp:closed'), [], 'none is left');
is(redis('EXISTS', map { sprintf '{dmp:%02d}:closed', $_ } 0 .. 63), 0, 'at all');
@admin = trace($mark, qr/^admin$/);
is_deeply([map { [@{ $_->{body} }{qw(phase bucket buckets)}] } @admin],
    [map { [$_, 0, [0 .. 63]] } qw(begin end)], 'traced in the first that was opened');
cmp_ok(recovered(7), '>', $then, 'greater each time');
is(audit('tail', '--kind', 'admin', '--last', 1), 0, 'and told');
like($out, qr/operator anne  audit recover end  buckets \[0,1,2/, 'with its buckets');
# the gateway that runs beside it may have had something to write meanwhile
is_deeply([DMP::guard()->verdict(qr/dmp bucket \d+ is closed/)], [], 'no other alarm');


=== TEST 15: it is traced before anything is opened, and may break off anywhere
--- code
local @Store = ('--redis', $Fake->address);
sub phases { return map { $_->{body}{phase} } trace($_[0], qr/^admin$/) }
close_bucket(21, 22);
my ($n, $mark, $then) = (scalar($Fake->commands), trace_mark(), recovered(22));
is(audit('recover', 21, '--confirm', @Key), 0, 'one') or diag $err;
my @did = map { /"phase":"(\w+)"/ ? $1 : /^(DEL|SREM|HSET|MULTI|EXEC) / ? $1 : /^EXEC/ ? 'EXEC' : /^MULTI/ ? 'MULTI' : () }
    ($Fake->commands)[$n .. $Fake->commands - 1];
is("@did", 'begin MULTI DEL SREM HSET EXEC end', 'traced, opened at one instant, traced');
$Fake->on('cut');
is(audit('recover', 22, '--confirm', @Key), 3, 'one whose opening breaks off');
like($err, qr/the buckets could not be reopened/, 'is said');
$Fake->off('cut');
is(redis('EXISTS', '{dmp:22}:closed'), 1, 'it is closed,');
is(redis('SISMEMBER', 'dmp:closed', 22), 1, 'all of it');
is(recovered(22), $then, 'and not counted');
is_deeply([phases($mark)], [qw(begin end begin)], 'that it began is traced');
$Fake->on('unended');
is(audit('recover', 22, '--confirm', @Key), 3, 'one whose end cannot be traced');
$Fake->off('unended');
is(redis('EXISTS', '{dmp:22}:closed'), 0, 'is open');
cmp_ok(recovered(22), '>', $then, 'and counted');
refuses('what is open already', 1, qr/bucket 22 is not closed/, 'recover', 22, '--confirm', @Key);
is(audit('recover', 22), 1, 'shown or not');
$mark = trace_mark();
is(audit('recover', 3, '--confirm', '--audit-key', '/nowhere'), 1, 'of one that is open no key is asked');
close_bucket(3);
is(audit('recover', 3, '--confirm', '--audit-key', '/nowhere'), 3, 'without the key');
is(redis('EXISTS', '{dmp:03}:closed'), 1, 'it stays closed');
is(audit('recover', '--all', '--confirm', @Key), 0, 'with it');
is(redis('EXISTS', '{dmp:03}:closed'), 0, 'it is opened');
is_deeply([phases($mark)], [qw(begin end)], 'as it is traced');
is_deeply([DMP::guard()->verdict(qr/dmp bucket \d+ is closed/)], [], 'no other alarm');


=== TEST 16: more than is read at once
--- code
import_records(map { record($Max, flags($_ % 2, 1, 0)) } 2 .. 251);
my @ids = map { $_->{id} } trace(undef, qr/^change$/);
cmp_ok(scalar(@ids), '>', 250, 'many entries, most of them of one bucket');
is(audit('tail', '--kind', 'change', '--last', 1000, '--json'), 0, 'backwards');
is_deeply([map { $_->{id} } json_lines()], \@ids, 'each once, in their order');
is(audit('tail', '--kind', 'change', '--last', 120, '--json'), 0, 'the last of them');
is_deeply([map { $_->{id} } json_lines()], [@ids[-120 .. -1]], 'are the last');
is(audit('tail', '--kind', 'change', '--since', '2020-01-01', '--json'), 0, 'forwards');
is_deeply([map { $_->{id} } json_lines()], \@ids, 'the same');
