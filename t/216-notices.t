# What patients are told of accesses to their records, by whom and when: the
# notices of first accesses and of emergencies, in the commit of the access.

use strict;
use warnings;

use lib 't/lib';
use DMP;
use Emergency qw(gateway centre record grant bris on_path id_of reason_of key_of
    outbox notices seen_field entries forwarded put_document target claiming
    with_setting);
use JSON::PP;
use Test::More;

centre(qw(regulator));

# Somebody else: workers remember who has read whose record, so that each
# block has patients of its own.
sub patient
{
    my ($n) = @_;

    my $number = sprintf '2850375120%03d', $n;

    return sprintf '%s%02d', $number, 97 - $number % 97;
}

# A record of patient number n, with those authorised.
sub somebody
{
    my ($n, @authorised) = @_;

    @authorised = qw(morel leroy) if !@authorised;
    import_records(record(patient($n), grant(@authorised), treating => [id_of('leroy')]));

    return patient($n);
}

put_document(patient(13), 'other-report', type => ['http://loinc.org', '11488-4'],
    author => 'petit');
put_document(patient(23), 'inline-report', type => ['http://loinc.org', '11488-4'],
    author => 'petit', master => 'urn:oid:1.2.3.23', data => 'what it says');

sub searches
{
    my ($who, %o) = @_;

    my $claimed = delete $o{mode} // 'none';

    return request(on_path(delete $o{path} // 'normal', as => $who,
        get => target('search', delete $o{ins}),
        headers => [claiming($claimed)], %o));
}

# Searches, and what the patient was told of it.
sub told_of
{
    my ($who, $ins, %o) = @_;

    my $before = outbox($ins);
    my $r = searches($who, ins => $ins, %o);

    return join ' ', $r->{status}, (notices($ins))[$before .. outbox($ins) - 1];
}

# all have both paths
add_block_preprocessor(sub {
    my ($block) = @_;

    $block->set_value(http_config =>
        gateway(defined $block->dmp ? DMP::Block::perl($block, $block->dmp) : ()));
});

DMP::run();

__DATA__

=== TEST 1: first access: told once of each professional and record
--- code
my ($one, $other) = (somebody(1), somebody(2));
is(told_of('morel', $one), '200 first-access', 'the first');
is(told_of('morel', $one), '200', 'not the second');
is(told_of('morel', $one, http => '2'), '200', 'nor over HTTP/2');
is(told_of('leroy', $one), '200 first-access', 'the treating physician, too');
is(told_of('morel', $other), '200 first-access', 'another record');
somebody(1, qw(morel leroy roux));
is(told_of('morel', $one), '200', 'not when rights have changed');
my $before = outbox($one);
is(request(as => 'pharmacien', get => target('check', $one))->{status}, 200, 'a check');
is(request(as => 'pharmacien', get => target('search', $one))->{status}, 403, 'a refusal');
is(scalar(outbox($one)), $before, 'are no reading');
somebody(1, qw(pharmacien));
is(told_of('pharmacien', $one), '200 first-access', 'the first that is allowed');
my @told = outbox($one);
is(scalar(grep { $_->{fields} ne 'e k p' } @told), 0, 'and nothing else stands there');
my ($entry) = grep { $_->{id} eq $told[-1]{entry} } entries($one, '0');
is("$entry->{body}{actor}{id} $entry->{body}{decision} $entry->{outcome}",
    id_of('pharmacien') . ' allow 1', 'it names its entry');
my %seen = @{ redis('HGETALL', key_of('seen', $one)) };
ok($seen{ seen_field(id_of('pharmacien')) }, 'the store knows them by a keyed hash');
unlike(join(' ', %seen), qr/8997|8996/, 'and by no number');



=== TEST 2: the first reading of one document is a first access
--- code
my $one = somebody(13);
my $before = outbox($one);
is(request(as => 'petit', get => target('read other-report'))->{status}, 404, 'refused');
is(scalar(outbox($one)), $before, 'is none');
somebody(13, qw(petit));
$before = outbox($one);
is(request(as => 'petit', get => target('read other-report'))->{status}, 200, 'read');
is_deeply([(notices($one))[$before .. outbox($one) - 1]], ['first-access'], 'told');
is(request(as => 'petit', get => target('binary other-report'))->{status}, 200, 'what it holds');
is(scalar(outbox($one)), $before + 1, 'is not told again');



=== TEST 3: a person who has another card is no other person
--- code
import_directory({ kind => 'person', ids => [id_of('adeli'), '899700999999'] });
my $one = somebody(14, qw(adeli));
is(told_of('adeli', $one), '200 first-access', 'by the ADELI number');
is(redis('HEXISTS', key_of('seen', $one), seen_field(id_of('adeli'))), 1,
    'kept under the number that sorts first');
is(redis('HLEN', key_of('seen', $one)), 1, 'alone');
is(told_of('adeli', $one, mode => 'bris-de-glace'), '200 emergency-access', 'still the same');
import_directory({ id => id_of('adeli'), remove => JSON::PP::true });
centre(qw(adeli));



=== TEST 4: emergencies: told once in a quarter of an hour, by professional, mode and record
--- code
my ($one, $other) = (somebody(15), somebody(16));
is(told_of('petit', $one, mode => 'bris-de-glace'), '200 first-access emergency-access', 'both at once');
is(told_of('petit', $one, mode => 'bris-de-glace'), '200', 'not again');
is(told_of('petit', $one, mode => 'bris-de-glace', http => '2'), '200', 'nor again');
is(told_of('morel', $one, mode => 'bris-de-glace'), '200 first-access emergency-access', 'another professional');
is(told_of('petit', $other, mode => 'bris-de-glace'),
    '200 first-access emergency-access', 'another record');
is(told_of('regulator', $one, path => 'centre-15'), '200 first-access emergency-access', 'centre 15');
is(told_of('regulator', $one, path => 'centre-15'), '200', 'once');
is(told_of('regulator', $one, mode => 'bris-de-glace'), '200 emergency-access', 'another mode');
is(told_of('regulator', $one, path => 'centre-15'), '200', 'which does not begin the first anew');
is(told_of('leroy', $one), '200 first-access', 'the treating physician');
is(told_of('leroy', $one, mode => 'bris-de-glace'), '200 emergency-access', 'in an emergency is told of');
is(told_of('petit', $one), '403', 'nothing of what is refused');
my $before = outbox($one);
is(request(as => 'petit', get => target('search', $one),
    headers => [map { "$_->[0]: $_->[1]" } bris(given => 'Anne')])->{status}, 403, 'nor of wrong names');
is(scalar(outbox($one)), $before, 'is told');



=== TEST 5: after the hold, and after a clock that went back
--- code
my $one = somebody(17);
my $key = key_of('seen', $one);
my $field = seen_field(id_of('petit'), 'bris-de-glace');
my ($s, $us) = @{ redis('TIME') };
my $now = $s * 1000 + int $us / 1000;
is(told_of('petit', $one, mode => 'bris-de-glace'), '200 first-access emergency-access', 'told');
my $at = redis('HGET', $key, $field);
cmp_ok(abs($at - $now), '<', 60000, 'the store has the time');
is(told_of('petit', $one, mode => 'bris-de-glace'), '200', 'held back');
is(redis('HGET', $key, $field), $at, 'from the first on');
for my $minutes (16, 60 * 24 * 400, -60) {
    redis('HSET', $key, $field, $at - $minutes * 60000);
    is(told_of('petit', $one, mode => 'bris-de-glace'), '200 emergency-access',
        "$minutes minutes ago: told");
    cmp_ok(redis('HGET', $key, $field), '>=', $at, 'and the time is that of now');
    is(told_of('petit', $one, mode => 'bris-de-glace'), '200', 'held back again');
}
redis('HSET', $key, $field, redis('HGET', $key, $field) - 10 * 60000);
is(told_of('petit', $one, mode => 'bris-de-glace'), '200', '10 minutes ago: not yet');
redis('HSET', $key, $field, 'x');
is(told_of('petit', $one, mode => 'bris-de-glace'), '200 emergency-access', 'no time: told');



=== TEST 6: how long it is held is a setting
--- dmp: policy => with_setting(emergency_notice_minutes => 1)
--- code
my $one = somebody(18);
my $key = key_of('seen', $one);
my $field = seen_field(id_of('petit'), 'bris-de-glace');
like(told_of('petit', $one, mode => 'bris-de-glace'), qr/^200 .*emergency-access$/, 'told');
is(told_of('petit', $one, mode => 'bris-de-glace'), '200', 'held back');
redis('HSET', $key, $field, redis('HGET', $key, $field) - 61000);
is(told_of('petit', $one, mode => 'bris-de-glace'), '200 emergency-access', 'after a minute');



=== TEST 7: and none is one that never holds
--- dmp: policy => with_setting(emergency_notice_minutes => 0)
--- code
my $one = somebody(19);
told_of('petit', $one, mode => 'bris-de-glace');
is(told_of('petit', $one, mode => 'bris-de-glace'), '200 emergency-access', 'each is told') for 1 .. 3;



=== TEST 8: what was told is known after the store was stopped
--- code
my $one = somebody(20);
is(told_of('morel', $one), '200 first-access', 'told');
is(told_of('morel', $one, mode => 'bris-de-glace'), '200 emergency-access', 'told');
my $told = outbox($one);
DMP::stop_redis('KILL');
is(searches('morel', ins => $one)->{status}, 503, 'no store: refused');
DMP::start_redis();
wait_for { searches('morel', ins => $one)->{status} == 200 } 'a request that is served';
is(searches('morel', ins => $one, mode => 'bris-de-glace')->{status}, 200, 'in an emergency, too');
is(outbox($one), $told, 'neither is told again');
--- error_log
dmp store is unavailable



=== TEST 9: an outbox that cannot be written to lets nothing through
--- code
my $one = somebody(21);
my $key = key_of('outbox', $one);
my $seen = -s DMP::backend_log();
redis('RENAME', $key, "$key-kept") if redis('EXISTS', $key);
redis('SET', $key, 'x');
my $r = searches('petit', ins => $one, mode => 'bris-de-glace');
is("$r->{status} " . reason_of($r->{json}), '503 trace-unavailable', 'refused');
is(scalar(forwarded($seen)), 0, 'and not forwarded');
redis('DEL', $key);
redis('RENAME', "$key-kept", $key);
wait_for { searches('petit', ins => $one, mode => 'bris-de-glace')->{status} == 200 } 'the store to be used again';
--- error_log
dmp store is unavailable



=== TEST 10: two workers, and those after a reload, know what was told
--- dmp
Test::Nginx::Util::workers(2);
(http => '# two workers')
--- code
my $one = somebody(22);
wait_for { worker_pids() == 2 } 'two workers';
my $before = outbox($one);
# new connections go to either
my $both = sub {
    my ($mark, %writers) = trace_mark();
    wait_for {
        searches('morel', ins => $one)->{status} == 200 or die "not served\n";
        searches('morel', ins => $one, mode => 'bris-de-glace')->{status} == 200 or die "not served\n";
        $writers{ $_->{body}{writer} } = 1 for trace($mark, qr/^access$/);
        CORE::keys %writers == 2;
    } 'both workers to have served', 30;
    return sort CORE::keys %writers;
};
my @first = $both->();
my @told = notices($one);
is_deeply([@told[$before .. $#told]], ['first-access', 'emergency-access'], 'each told once');
my %old = map { $_ => 1 } worker_pids();
reload();
wait_for { !grep { $old{$_} } worker_pids() } 'the end of the old workers', 20;
wait_for { worker_pids() == 2 } 'two workers';
my @then = $both->();
ok(!(grep { my $w = $_; grep { $_ eq $w } @first } @then), 'by others');
is(scalar(outbox($one)), $before + 2, 'nothing is told again');
verify_trace();
pass('the trace is whole');



=== TEST 11: a reference is a first access where content comes with it
--- code
my $one = somebody(23, 'leroy');
my $refers = sub {
    my ($who, %o) = @_;
    my $before = outbox($one);
    my $r = request(as => $who, get => target('search', $one)
        . '&identifier=urn:oid:1.2.3.23', %o);
    my ($entry) = (entries($one, '0'))[-1];
    my ($document) = map { $_->{resource} } @{ $r->{json}{entry} // [] };
    return join ' ', $r->{status}, $entry->{body}{operation}, $document
        ? $document->{content}[0]{attachment}{data} ? 'content' : 'none' : 'nothing',
        (notices($one))[$before .. outbox($one) - 1];
};
is($refers->('petit'), '200 reference none', "one's own, not authorised: no reading");
is($refers->('morel'), '200 reference nothing', "another's, not authorised: not found");
somebody(23, qw(leroy morel petit));
is($refers->('morel'), '200 reference content first-access', "another's: told");
is($refers->('morel', http => '2'), '200 reference content', 'once');
is($refers->('petit'), '200 reference content first-access', "one's own that one could read: told");
is(told_of('morel', $one), '200', 'a search after it is the second access');
