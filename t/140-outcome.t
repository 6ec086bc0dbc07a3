# What is said of a request after its answer: one outcome each, in batches,
# under signed checkpoints; and refusals of those without a card, counted.

use strict;
use warnings;

use lib 't/lib';
use DMP;
use FakeRedis;
use Test::More;

# One that stays when the real one is away.
package LastingRedis {
    our @ISA = ('FakeRedis');

    sub accepted
    {
        my ($self, $down) = @_;

        return eval { $self->SUPER::accepted($down) }
            // { down => $down, up => $down, from_down => '', from_up => '',
                queue => [], closed => 1 };
    }
}

package main;

our $Ins = '285037512000151';
our $Search = '/fhir/DocumentReference?patient.identifier='
    . "urn:oid:1.2.250.1.213.1.4.8|$Ins";

sub search { request(get => $Search, as => 'morel', @_) }
sub served { wait_for { search()->{status} == 200 } 'a request that is served' }

sub set_record
{
    import_records({ ins => $Ins, status => 'open',
        opened_at => '2026-01-05T09:00:00Z', authorisations => { 899700218896 =>
            { since => '2020-01-01', until => '2096-01-01' } }, @_ });
}

# trace id => list of the outcomes said of it
sub outcomes
{
    my ($mark) = @_;

    my %said;

    for my $e (trace($mark, qr/^outcome$/)) {
        push @{ $said{ $_->{trace} } }, $_ for @{ $e->{body}{outcomes} };
    }

    return \%said;
}

sub outcome_of
{
    my ($r, $mark) = @_;

    my $id = $r->{headers}{'dmp-trace-id'};

    wait_for { outcomes($mark)->{$id} } "the outcome of $id";

    return @{ outcomes($mark)->{$id} };
}

# Whether a signed head covers the last entry of each gateway in each bucket.
sub all_signed
{
    my (%last, %signed);

    for my $e (trace(undef, qr/./)) {
        my $b = $e->{body};
        next if $b->{writer} !~ /^test/;

        if ($b->{kind} =~ /^(?:checkpoint|epoch-close)$/) {
            $signed{"$b->{writer} $_->[0]"} = $_ for @{ $b->{heads} };
        } else {
            $last{"$b->{writer} $b->{bucket}"} = [$b->{epoch}, $b->{seq}];
            # the new epoch answers for the heads of the one before
            $signed{"$b->{writer} $_->[0]"} = $_ for @{ $b->{carried} // [] };
        }
    }

    return !grep {
        my ($epoch, $seq) = @{ $signed{$_} // [] }[1, 2];
        my ($e, $s) = @{ $last{$_} };
        !$epoch || $epoch < $e || ($epoch == $e && $seq < $s);
    } CORE::keys %last;
}

# That many requests without a card over one connection; the statuses.
sub flood
{
    my ($n, $address) = @_;

    my $get = "GET /fhir/DocumentReference/martin-consultation-1 HTTP/1.1\r\n"
        . "Host: localhost\r\nX-Real-IP: $address\r\n";

    my $answer = request_raw(undef, "$get\r\n" x ($n - 1)
        . "${get}Connection: close\r\n\r\n", 30);

    return $answer =~ m{^HTTP/1\.1 (\d+)}mg;
}

sub refusals
{
    my ($mark, $client) = @_;

    return grep { $_->{body}{client} eq $client && $_->{body}{decision} eq 'deny' }
        trace($mark, qr/^access$/);
}

our $Fake = LastingRedis->new(redis_address(),
    [qr/^FCALL dmp1_append .*"kind":"outcome"/s, 'close', when => 'unsaid'],
    [qr/^FCALL dmp1_append .*"kind":"outcome"/s, 'lost', when => 'unheard'],
    [qr/^FCALL dmp1_append .*"kind":"checkpoint"/s, 'lost', when => 'unsigned']);

# as a proxy in front would say who asks
DMP::configure(redis => $Fake->address,
    http => 'set_real_ip_from 127.0.0.1; real_ip_header X-Real-IP;');
DMP::initialise_store();
set_record();

our ($Flooded, $Since);

DMP::run();

__DATA__

=== TEST 1: two thousand requests without a card leave a handful of entries
--- code
($Since, $Flooded) = (trace_mark(), time);
my @statuses = map { flood(500, '192.0.2.7') } 1 .. 4;
is(scalar @statuses, 2000, 'all are answered');
is(scalar(grep { $_ == 401 } @statuses), 2000, 'all are refused');
is(scalar(refusals($Since, '192.0.2.7')), 1, 'traced once');
is((flood(3, '192.0.2.8'))[2], 401, 'another address');
is(scalar(refusals($Since, '192.0.2.8')), 1, 'is traced as well');
is(scalar(grep { defined $_->{body}{patient} } trace($Since, qr/^access$/)), 0,
    'in nobody\'s history');
is(search(headers => ['X-Real-IP: 192.0.2.7'])->{status}, 200,
    'a card from there is served');
verify_trace();
pass('the trace is whole');



=== TEST 2: one outcome each, and it is what the client saw
--- code
set_record(masked => ['urn:oid:1.2.250.1.213.1.4.8.99999.1.1']);
my $mark = trace_mark();
my $document = '/fhir/DocumentReference/martin-consultation-';
my @requests = ([search => 200, search()], ['search, HTTP/2' => 200, search(http => '2')],
    [read => 200, request(get => "${document}2", as => 'morel')],
    [masked => 404, request(get => "${document}1", as => 'morel')],
    [head => 200, request(head => "${document}2", as => 'morel')],
    [other => 403, search(as => 'petit')],
    [none => 404, request(get => "${document}none", as => 'morel')]);
for (@requests) {
    my ($name, $status, $r) = @$_;
    my @said = outcome_of($r, $mark);
    is(scalar @said, 1, "$name: one");
    is($said[0]{status}, $r->{status}, "$name: its status");
    # curl writes the head of a HEAD as its body, too
    is($said[0]{bytes}, length($r->{head}) + ($name eq 'head' ? 0 : length $r->{body}),
        "$name: its bytes") if $r->{http} ne '2';
}
my ($search) = outcome_of($requests[0][2], $mark);
my $entries = @{ $requests[0][2]{json}{entry} };
is($search->{shown}, $entries, 'as many documents as were shown');
cmp_ok($search->{withheld}, '>=', 1, 'and the withheld ones are counted');
my ($refused) = outcome_of($requests[5][2], $mark);
is($refused->{shown} // 0, 0, 'a refusal shows none');
my %traced = map { $_->{body}{trace} => 1 } trace($mark, qr/^access$/);
wait_for { CORE::keys %{ outcomes($mark) } == CORE::keys %traced } 'an outcome for each';
is_deeply([sort { $a cmp $b } CORE::keys %{ outcomes($mark) }],
    [sort { $a cmp $b } CORE::keys %traced], 'and for nothing else');
verify_trace();
pass('the trace is whole');



=== TEST 3: in batches
--- code
my $mark = trace_mark();
my $get = "GET $Search HTTP/1.1\r\nHost: localhost\r\n" =~ s/\|/%7C/r;
my $answers = request_raw('morel', "$get\r\n" x 199 . "${get}Connection: close\r\n\r\n", 60);
is(scalar(() = $answers =~ m{HTTP/1\.1 200 OK}g), 200, 'all are served');
wait_for { CORE::keys %{ outcomes($mark) } >= 200 } 'all outcomes';
my $said = outcomes($mark);
is(scalar(CORE::keys %$said), 200, 'of all of them');
is(scalar(grep { @$_ != 1 } values %$said), 0, 'once each');
my @batches = trace($mark, qr/^outcome$/);
cmp_ok(scalar @batches, '<', 50, 'in fewer entries');
is(scalar(grep { @{ $_->{body}{outcomes} } > 192 } @batches), 0, 'of limited size');
verify_trace();
pass('the trace is whole');



=== TEST 4: what was traced is signed within a second of idleness
--- code
for (1 .. 5) {
    served();
    # by the clock of the store and of the test: it is what is promised
    ok(eval { wait_for { all_signed() } 'a signed head', 1.5 }, 'signed') or diag($@);
}
my $mark = trace_mark();
my ($entry) = reverse trace(undef, qr/^checkpoint$/);
ok($entry->{body}{signature}, 'there is a signature');
is(scalar(() = trace($mark, qr/^checkpoint$/)), 0, 'and then all is quiet');
verify_trace();
pass('which proves');



=== TEST 5: outcomes are said when the store is back
--- code
for my $how ('unsaid', 'unheard') {
    served();
    wait_for { all_signed() } 'quiet';
    my ($mark, $log) = (trace_mark(), -s DMP::error_log());
    $Fake->on($how);
    my $r = search();
    is($r->{status}, 200, 'served');
    wait_for { substr(slurp(DMP::error_log()), $log) =~ /dmp store is unavailable/ }
        'the link to be lost';
    $Fake->off($how);
    my @said = outcome_of($r, $mark);
    wait_for { all_signed() } 'a signed head';
    @said = outcome_of($r, $mark);
    is(scalar(grep { $_->{status} == 200 && $_->{bytes} == $said[0]{bytes} } @said),
        scalar @said, "$how: all that is said of it is the same");

    # nobody knows whether an entry stands whose reply was lost: say it again
    cmp_ok(scalar @said, '<=', $how eq 'unheard' ? 2 : 1, "$how: and not more");
    verify_trace();
    pass('the trace is whole');
}
--- error_log
dmp store is unavailable: connection lost



=== TEST 6: and when it was away for longer
--- code
served();
wait_for { all_signed() } 'quiet';
my $mark = trace_mark();
$Fake->on('unsaid');
# the first outcome ends the link, and what comes after is refused
my @r = grep { $_->{status} == 200 } map { search() } 1 .. 3;
ok(@r, 'served');
DMP::stop_redis('KILL');
wait_for { search()->{status} == 503 } 'a refusal';
$Fake->off('unsaid');
DMP::start_redis();
served();
is(scalar(outcome_of($_, $mark)), 1, 'its outcome is there') for @r;
wait_for { all_signed() } 'a signed head';
verify_trace();
pass('the trace is whole');
--- error_log
dmp store is unavailable



=== TEST 7: a checkpoint whose answer is lost is made again
--- code
served();
wait_for { all_signed() } 'quiet';
my ($mark, $log) = (trace_mark(), -s DMP::error_log());
$Fake->on('unsigned');
is(search()->{status}, 200, 'served');
wait_for { substr(slurp(DMP::error_log()), $log) =~ /dmp store is unavailable/ } 'the loss';
$Fake->off('unsigned');
served();
wait_for { all_signed() } 'a signed head';
verify_trace();
pass('the trace is whole');
--- error_log
dmp store is unavailable: connection lost



=== TEST 8: what was refused in the meantime is counted, a minute later
--- code
wait_for { time > $Flooded + 60 } 'the minute to pass', 65;
wait_for {
    flood(1, '192.0.2.7');
    (() = refusals($Since, '192.0.2.7')) > 1;
} 'the next refusal to be traced', 10;
my @traced = refusals($Since, '192.0.2.7');
is($traced[1]{body}{repeated}, 1999, 'the others are counted');
is($traced[0]{body}{repeated} // 0, 0, 'and the first counted none');
verify_trace();
pass('the trace is whole');
