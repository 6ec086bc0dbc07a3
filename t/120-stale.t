# The version check: a change of rights counts from the instant it stands in
# the store, whatever a worker has cached.  Nothing here waits for a cache to
# expire: there is no such time.

use strict;
use warnings;

use lib 't/lib';
use DMP;
use FakeHost;
use Test::More;

use constant {
    MOREL => '899700218896',
    PETIT => '899700314422',
};

our $Ins = '285037512000151';
our $Search = "/fhir/DocumentReference?patient.identifier="
    . "urn:oid:1.2.250.1.213.1.4.8|$Ins";

# Replaces the patient's record, as any gateway or tool would.
sub set_record
{
    my (%o) = @_;

    import_records({
        ins => $Ins, status => 'open', opened_at => '2026-01-05T09:00:00Z',
        authorisations => { map { $_ => { since => '2020-01-01',
            until => '2096-01-01', by => 'patient' } } @{ $o{for} // [] } },
        blocked => $o{blocked} // [], %{ $o{more} // {} },
    });
}

sub record_key
{
    my ($key) = @{ redis('KEYS', '{dmp:*}:rec:*') };

    return $key;
}

sub search { request(get => $Search, as => 'morel', @_) }

# Versions begin with the time a record was made: v1 is the first one seen.
our (%Ordinal, $Versions);

sub ordinal { $_[0] ? $Ordinal{$_[0]} //= ++$Versions : 0 }

# "decision reason version outcome" of each access since the mark
sub entries
{
    return map { "$_->{body}{decision} $_->{body}{reason} v"
        . ordinal($_->{body}{version} // 0) . " o=$_->{outcome}" }
        trace($_[0], qr/^access$/);
}

# A request that the record host answers late; called, it gives status and body.
# it may be left by a gateway that no longer wants its answer
$SIG{PIPE} = 'IGNORE';

our $Slow = FakeHost->new(default => [[wait => 1], @{ FakeHost::json(
    '{"resourceType":"Bundle","type":"searchset","entry":[]}') }]);
sub waiting
{
    my $out = DMP::Proc::dir() . '/waiting';
    my $asked = () = $Slow->requests;

    unlink $out;
    my $pid = DMP::Proc::start('a request', $out,
        sub { my $r = search(@_); print "$r->{status} $r->{body}" });
    wait_for { (() = $Slow->requests) > $asked } 'the record host to be asked';

    return sub { waitpid $pid, 0; slurp($out) };
}

sub received { scalar grep { $_->{target} =~ /DocumentReference/ } backend() }

DMP::run();

__DATA__

=== TEST 1: a block holds at the very next request
--- code
set_record(for => [MOREL]);
is(search()->{status}, 200, 'authorised: served') for 1 .. 3;
my ($mark, $before) = (trace_mark(), received());
set_record(blocked => [MOREL]);
my $r = search();
is($r->{status}, 403, 'blocked: refused');
is($r->{json}{issue}[0]{details}{coding}[0]{code}, 'blocked', 'for that');
is(received(), $before, 'the record host was not asked');
is_deeply([entries($mark)], ['allow none v1 o=0', 'deny blocked v2 o=1'],
    'the trace has the decision that was too late, and the one that counted');
is(search()->{status}, 403, 'and again');
is((entries($mark))[-1], 'deny blocked v2 o=1', 'from the cache, in one commit');
is(scalar entries($mark), 3, 'which is one entry');
verify_trace();
pass('the trace proves whole');



=== TEST 2: an authorisation holds as soon
--- code
set_record();
is(search()->{status}, 403, 'no authorisation');
my $mark = trace_mark();
set_record(for => [MOREL]);
my $r = search();
is($r->{status}, 200, 'authorised: served');
ok($r->{json}{entry}, 'with documents');
is_deeply([map { /o=(\d)/ } entries($mark)], [0, 1], 'decided twice');



=== TEST 3: a masked document is gone from the next answer
--- code
set_record(for => [MOREL]);
my $r = search();
my ($document) = grep { defined } map { $_->{resource}{masterIdentifier}{value} }
    @{ $r->{json}{entry} };
set_record(for => [MOREL], more => { masked => [$document] });
my $next = search();
ok(index($next->{body}, qq("$document")) < 0, 'not a word of it');
is(@{ $next->{json}{entry} }, @{ $r->{json}{entry} } - 1, 'the others are there');
set_record(for => [MOREL], more => { masked => [$document], status => 'closed' });
is(search()->{status}, 403, 'and the closed record is closed');



=== TEST 4: a record that was removed is no record
--- code
set_record(for => [MOREL]);
is(search()->{status}, 200, 'served');
my $before = received();
redis('DEL', record_key());
my $mark = trace_mark();
is(search()->{status}, 403, 'refused');
like((entries($mark))[0], qr/^allow none v\d+ o=0$/,
    'what the cache said is traced as too late');
is((entries($mark))[-1] =~ s/ \S+ v/ v/r, 'deny v0 o=1', 'then the truth');
is(search()->{status}, 403, 'still');
is((entries($mark))[2] =~ s/ \S+ v/ v/r, 'deny v0 o=1',
    'and the removed record is not tried from the cache again');
is(received(), $before, 'the record host was not asked');



=== TEST 5: a record that was removed and made again is another record
Its versions begin anew: what a cache has of the first one is not it.
--- code
set_record(for => [MOREL]);
is(search()->{status}, 200, 'served');
redis('DEL', record_key());
set_record(blocked => [MOREL]);
is(search()->{status}, 403, 'refused by the new one');
DMP::verify_edited();
pass('the trace proves whole');



=== TEST 6: and so is one that was never there
--- code
my $none = '/fhir/DocumentReference?patient.identifier='
    . 'urn:oid:1.2.250.1.213.1.4.8|172066912304538';
my ($mark, $before) = (trace_mark(), received());
is(request(get => $none, as => 'morel')->{status}, 403, 'refused');
is_deeply([map { /o=(\d)/ } entries($mark)], [1], 'traced once');
is(received(), $before, 'the record host was not asked');



=== TEST 7: changes in a row, a request between each
--- code
my @wanted = map { $_ % 2 ? 200 : 403 } 1 .. 16;
my @got;
for my $n (1 .. 16) {
    set_record($n % 2 ? (for => [MOREL]) : (blocked => [MOREL], for => [PETIT]));
    push @got, search(http => $n % 3 ? '1.1' : '2')->{status};
}
is_deeply(\@got, \@wanted, 'each answer is by the record that stands');
DMP::verify_edited();
pass('the trace proves whole');



=== TEST 8: the change comes while the decision is on its way
Two commits and no more: a record that never stands still is refused.
--- code
set_record(for => [MOREL]);
search();
my $key = record_key();
my $mark = trace_mark();
# the same record cannot be opened as another version: nothing of it is used
redis('HINCRBY', $key, 'v', 1);
is(search()->{status}, 503, 'not opened: not decided');
is_deeply([map { /o=(\d)/ } entries($mark)], [0], 'the stale entry stands');
redis('HINCRBY', $key, 'v', -1);
is(search()->{status}, 200, 'and as it was it is served');
--- error_log
dmp record of patient \S{22} does not open



=== TEST 9: the change comes while the record host thinks about its answer
The deadline has passed when the answer is there: it is judged by the record
that stands then.
--- dmp
(backend => $main::Slow->{address})
--- code
for my $http ('1.1', '2') {
    set_record(for => [MOREL]);
    my $request = waiting(http => $http);
    like($request->(), qr/^200 .*Bundle/, "HTTP/$http: nothing changed: served");
    $request = waiting(http => $http);
    set_record(blocked => [MOREL]);
    my $answer = $request->();
    like($answer, qr/^403 /, "HTTP/$http: blocked: refused");
    unlike($answer, qr/Bundle/, 'and nothing of the answer leaves');
    set_record(for => [MOREL]);
    $request = waiting(http => $http);
    redis('DEL', record_key());
    like($request->(), qr/^403 /, "HTTP/$http: removed: refused");
    set_record(for => [MOREL]);
    $request = waiting(http => $http);
    DMP::stop_redis('KILL');
    like($request->(), qr/^503 .*trace-unavailable/, "HTTP/$http: no store: refused");
    DMP::start_redis();
    wait_for { search()->{status} == 200 } 'a request that is served';
}
DMP::verify_edited();
pass('the trace proves whole');
--- error_log
dmp store is unavailable



=== TEST 10: two workers, each with its own cache
--- dmp
Test::Nginx::Util::workers(2);
(http => '# two workers')
--- code
wait_for { worker_pids() == 2 } 'two workers';
set_record(for => [MOREL]);
my $mark = trace_mark();
my %writers;
# until both have the record; new connections go to either
wait_for {
    search()->{status} == 200 or die 'not served';
    $writers{ $_->{body}{writer} } = 1 for trace($mark, qr/^access$/);
    CORE::keys %writers == 2;
} 'both workers to have served', 30;
for my $round (1 .. 3) {
    set_record(blocked => [MOREL]);
    my $since = trace_mark();
    my (%refused, $other);
    wait_for {
        $other = $_ for grep { $_ != 403 } search()->{status};
        $refused{ $_->{body}{writer} } = 1
            for grep { $_->{body}{decision} eq 'deny' } trace($since, qr/^access$/);
        $other || CORE::keys %refused == 2;
    } 'both workers to have refused', 30;
    ok(!$other, 'nobody was served after the block');
    set_record(for => [MOREL]);
    $since = trace_mark();
    my %served;
    wait_for {
        $other = $_ for grep { $_ != 200 } search()->{status};
        $served{ $_->{body}{writer} } = 1 for grep { $_->{outcome} eq '1' }
            trace($since, qr/^access$/);
        $other || CORE::keys %served == 2;
    } 'both workers to have served', 30;
    ok(!$other, 'nor refused after the authorisation');
}
DMP::verify_edited();
pass('the trace proves whole');
