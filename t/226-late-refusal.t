# A refusal tells of the record, too: of the rights that somebody had, of what
# the patient agrees to.  What it says is no older than the deadline either.

use strict;
use warnings;

use lib 't/lib';
use DMP;
use FakeHost;
use FakeRedis;
use JSON::PP ();
use Rights qw($Martin $Petit $Roux $Leroy $Search $Record $Of_petit granted
    keys_of ask come answer parked unparked);
use Test::More;

# The host answers what was let through when the gate is open.
our $Gate = DMP::Proc::dir() . '/gate';
our $Host = FakeHost->new('/fhir/DocumentReference' => sub {
    wait_for { !-e $Gate } 'the gate to be opened', 50
        if $_[0] =~ /^DMP-Trace-Receipt:/mi;

    return FakeHost::json('{"resourceType":"Bundle","type":"searchset","entry":[]}');
});

# Looks at a record that the store has done at once, and answers late.
our $Fake = FakeRedis->new(redis_address(),
    map { [qr/^HMGET \S+:rec:/, 'delay', 5, when => $_, times => 1] } 'late', 'later');

sub forwarded { scalar grep { /^DMP-Trace-Receipt:/mi } $Host->requests }
sub looks { scalar grep { /^HMGET \S+:rec:/ } $Fake->commands }
sub shut { open my $out, '>', $Gate or die "$Gate: $!\n" }

# An operator's change, past the gateway; returns when it is acknowledged.
sub operator
{
    my ($verb, @words) = @_;

    DMP::command(DMP::Proc::root() . '/build/dmpctl', 'record', $verb, $Martin, @words,
        keys_of('--policy', policy(), '--audit-key', DMP::keys() . '/audit.key',
            '--node', 'operator'));
}

sub record
{
    import_records({ ins => $Martin, status => 'open', treating => [$Leroy],
        emergency => { bris_de_glace => JSON::PP::true },
        authorisations => { $Petit => granted() } });
}

DMP::initialise_store();
DMP::configure(redis => $Fake->address . ' timeout=60s', backend => $Host->{address},
    location => 'dmp_record_host demo;',
    server => 'location /api/ { dmp_api; client_max_body_size 0; }');
record();

# time for what has to happen before a change is acknowledged
redis('HSET', 'dmp:meta', 'deadline_ms', 1000);

DMP::run();

__DATA__

=== TEST 1: what bris de glace would open, by a record that is out of date
The authorisation is withdrawn while the host is slow; that is seen, late; and
meanwhile the patient opposes bris de glace.
--- code
is(request(get => $Search, as => 'petit')->{status}, 200, 'authorised');
shut();
my $asked = forwarded();
my $request = parked(get => $Search, as => 'petit', seconds => 50);
wait_for { forwarded() > $asked } 'the host to be asked';
operator('withdraw', $Petit);
my $looks = looks();
$Fake->on('late');
unlink $Gate;
wait_for { looks() > $looks } 'the record to be looked at';
operator('oppose', '--bris-de-glace', 'no');
is(slurp($request->{out}), '', 'no answer yet, and the opposition is acknowledged');
my $r = unparked($request);
$Fake->off('late');
is($r->{status}, 403, 'refused');
like($r->{body}, qr/"not-authorised"/, 'by what is so now');
unlike($r->{body}, qr/bris-de-glace/, 'and nothing is said that the patient took back');



=== TEST 2: the state that a change answers with
Somebody else changes the record during the wait; that is seen, late; and
meanwhile who asked treats the patient no more.
--- code
operator('oppose', '--bris-de-glace', 'yes');
my $mark = trace_mark();
my $changes = sub { scalar(() = trace($mark, qr/^change$/)) };
my $answer = ask('leroy', 'PUT', "$Record/blocks/$Roux");
wait_for { $changes->() == 1 } 'the block';
my $other = ask('petit', 'PUT', "$Record/authorisations/$Petit", '{"consent":true}');
wait_for { $changes->() == 2 } 'the other change';
my $looks = looks();
$Fake->on('later');
wait_for { looks() > $looks } 'the record to be looked at, after the wait';
operator('dismiss', $Leroy);
is(come($answer), '', 'no answer yet, and the dismissal is acknowledged');
my $r = answer($answer);
$Fake->off('later');
is($r->{status}, 200, 'the block stands');
unlike($r->{body}, qr/"blocked":|"treating":true/, 'and who treats them no more sees no list');
answer($other);
