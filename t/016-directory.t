# What the directory adds to a card: other identifiers of the same person, a
# profession, situations of practice; and what comes of it when it is wrong.

use strict;
use warnings;

use lib 't/lib';
use DMP;
use FakeRedis;
use Test::More;

our ($Morel, $Lambert) = ('899700218896', '899700125075');
our $Ins = '285037512000151';
our $Patient = "urn:oid:1.2.250.1.213.1.4.8|$Ins";
our $Search = "/fhir/DocumentReference?patient.identifier=$Patient";
our $Check = "/fhir/Patient?identifier=$Patient";

our ($G15, $R02, $R01) = ('1.2.250.1.71.1.2.7', '1.2.250.1.71.4.2.4',
    '1.2.250.1.71.4.2.5');

sub set_record
{
    import_records({ ins => $Ins, status => 'open',
        traits => { family => 'MARTIN', given => 'Jeanne' },
        emergency => { bris_de_glace => JSON::PP::true,
            centre_15 => JSON::PP::true, masked => JSON::PP::false }, @_ });
}

sub authorised
{
    my @who = @_;

    return authorisations => { map { $_ =>
        { since => '2020-01-01', until => '2100-01-01', by => 'patient' } } @who };
}

sub doctor { profession => [$G15, '10'], @_ }
sub sector { sector => [$R02, $_[0]] }

sub person
{
    my ($ids, @practices) = @_;

    return { kind => 'person', ids => $ids,
        @practices ? (practices => \@practices) : () };
}

# The answer to a search, and the entry of its trace.
sub asked
{
    my ($as, $get) = @_;

    my $mark = trace_mark();
    my $r = request(as => $as, get => $get // $Search);

    # the last: a first one may have met a record that had just changed
    my $entry = (trace($mark))[-1];

    return ($r->{status}, $entry->{body});
}

# "STATUS RULE REASON"
sub verdict
{
    my ($status, $body) = asked(@_);

    return "$status $body->{rule} $body->{reason}";
}

sub key { "dmp:dir:$_[0]" }
sub forget { redis('DEL', map { key($_) } @_) }

our $Fake = FakeRedis->new(redis_address(),
    [qr/^HMGET dmp:dir:/, 'error', 'LOADING', when => 'loading'],
    [qr/^HMGET dmp:dir:/, 'reply', "*1\r\n\$1\r\n1\r\n", when => 'odd'],
    [qr/^HMGET dmp:dir:/, 'stall', when => 'held']);

# asked anew for each request, but where a test says otherwise
DMP::configure(redis => $Fake->address, http => 'dmp_directory_valid 0;');
set_record(authorised($Morel));

DMP::run();

__DATA__

=== TEST 1: who is in no directory is nobody's employee, and unverified
--- code
my ($status, $body) = asked('morel');
is($status, 200, 'served');
ok($body->{actor}{unverified}, 'and the trace says so');



=== TEST 2: whose practice is known is verified
--- code
import_directory(person([$Morel], { doctor(sector('SA07')) }));
my ($status, $body) = asked('morel');
is($status, 200, 'served');
ok(!$body->{actor}{unverified}, 'known');
import_directory(person([$Morel], { doctor(), structure => '1750712184' }));
($status, $body) = asked('morel');
ok($body->{actor}{unverified}, 'a practice without a sector tells D1 nothing');



=== TEST 3: D1: an insurer's, unless they practise elsewhere too
--- code
import_directory(person([$Morel], { doctor(sector('SA23')) }));
is(verdict('morel'), '403 D1 actor-excluded', 'an insurer only');
is(verdict('morel', $Check), '403 D1 actor-excluded', 'who learns of no record');
import_directory(person([$Morel], { doctor(sector('SA23')) }, { doctor(sector('SA07')) }));
is(verdict('morel'), '200 G1 none', 'and a practice');
import_directory(person([$Morel], { doctor(sector('SA07')), specialty => [$R01, 'SM25'] }));
is(verdict('morel'), '403 D1 actor-excluded', 'an occupational doctor, by specialty');
import_directory(person([$Morel], { doctor(sector('SA23')) },
    { profession => [$G15, '21'], sector('SA33') }));
is(verdict('morel'), '403 D1 actor-excluded',
    'what they do in another profession does not count');



=== TEST 4: F1, G1: blocks and authorisations hold for all identifiers
--- code
import_directory(person([$Morel, '0751234567'], { doctor(sector('SA07')) }));
set_record(authorised('0751234567'));
is(verdict('morel'), '200 G1 none', 'authorised by the ADELI number');
set_record(authorised($Morel), blocked => ['0751234567']);
is(verdict('morel'), '403 F1 blocked', 'blocked by it');
set_record(authorised($Morel));
import_directory(person(['00B7010446', '899700999999'], { doctor(sector('SA07')) }));
set_record(authorised('899700999999'));
is(verdict('adeli', $Check), '200 E1 none', 'a card with an ADELI number');
my ($status, $body) = asked('adeli');
is($body->{actor}{id}, '00B7010446', 'named as it names itself');
is($body->{decision}, 'allow', 'authorised by the RPPS');
set_record(authorised($Morel));



=== TEST 5: E1: a profession that the card does not say
--- code
set_record(authorised($Lambert));
is(verdict('notitle'), '403 E1 right-missing', 'unknown');
import_directory(person([$Lambert], { sector('SA07') }));
is(verdict('notitle'), '403 E1 right-missing', 'unknown here too');
import_directory(person([$Lambert], { doctor(sector('SA07')) }));
my ($status, $body) = asked('notitle');
is($status, 200, 'a doctor');
is_deeply($body->{actor}{role}, [$G15, '10'], 'by the directory');
import_directory(person([$Lambert], { doctor(sector('SA07')) },
    { profession => [$G15, '21'], sector('SA33') }));
is(verdict('notitle'), '403 E1 right-missing', 'of two, none');



=== TEST 6: E1: what a card says otherwise, or twice, is not mended by it
--- code
my @other = map { (`openssl x509 -noout -subject -nameopt multiline -in @{[ pki() ]}/$_.crt`
    =~ /commonName\s+= (\S+)/) } qw(contradiction cpf-with-title);
set_record(authorised(@other));
import_directory(map { person([$_], { doctor(sector('SA07')) }) } @other);
is(verdict($_), '403 E1 right-missing', $_) for qw(contradiction cpf-with-title);
set_record(authorised($Morel));



=== TEST 7: D1: structures, by their sector
--- code
is(verdict('structure', $Check), '200 E1 none', 'not in the directory');
import_directory({ kind => 'structure', ids => ['1750712184'], sectors => [[$R02, 'SA24']] });
is(verdict('structure', $Check), '403 D1 actor-excluded', 'a caisse that is no feeder');
import_directory({ kind => 'structure', ids => ['1750712184'], sectors => [[$R02, 'SA01']] });
is(verdict('structure', $Check), '200 E1 none', 'a hospital');



=== TEST 8: an entry that does not open is not one that is not there
--- code
import_directory(person([$Morel], { doctor(sector('SA07')) }));
import_directory(person(['899700314422'], { doctor(sector('SA07')) }));
my %mine = @{ redis('HGETALL', key($Morel)) };
my %other = @{ redis('HGETALL', key('899700314422')) };
for my $change ([d => 'x' x 40, 'what is no seal'], [d => $other{d}, "another's entry"],
    [d => '', 'nothing'], [v => $mine{v} + 1, 'another version'], [v => 'x', 'no version'])
{
    my ($field, $value, $name) = @$change;
    my $seen = backend();
    redis('HSET', key($Morel), $field, $value);
    my ($status) = asked('morel');
    is($status, 503, "$name: refused");
    is(scalar(backend()), $seen, "$name: nothing was forwarded");
    redis('HSET', key($Morel), $field, $mine{$field});
}
redis('HDEL', key($Morel), 'd');
is((asked('morel'))[0], 503, 'half an entry');
forget($Morel);
# half an entry is no reply: the link is made anew
wait_for { (asked('morel'))[0] == 200 } 'an answer without an entry';
redis('SET', key($Morel), 'x');
is((asked('morel'))[0], 503, 'of another type');
forget($Morel);
wait_for { (asked('morel'))[0] == 200 } 'the store to be used again';
--- error_log
dmp directory entry of "899700218896" does not open
dmp store is unavailable



=== TEST 9: while the directory cannot be asked nobody is let in unseen
--- code
for my $how (qw(loading odd)) {
    $Fake->on($how);
    my $seen = backend();
    my $r = request(as => 'morel', get => $Search);
    is($r->{status}, 503, "$how: refused");
    is($r->{json}{issue}[0]{details}{coding}[0]{code}, 'trace-unavailable', "$how: reason");
    is(scalar(backend()), $seen, "$how: nothing was forwarded");
    $Fake->off($how);
    wait_for { (asked('morel'))[0] == 200 } "$how: to be over";
}
--- error_log
dmp store is unavailable



=== TEST 10: the client leaves while the directory is asked
--- dmp: redis => $main::Fake->address . ' timeout=30s'
--- code
my $mark = trace_mark();
my $worker = join ' ', worker_pids();
for my $http ('1.1', '2') {
    $Fake->on('held');
    my $r = request(as => 'morel', get => $Search, http => $http,
        options => ['--max-time', 1]);
    is($r->{curl}, 28, "$http: it has left");
    $Fake->off('held');
    wait_for { request(as => 'morel', get => $Search, http => $http)->{status} == 200 }
        "$http: others to be served";
}
is(join(' ', worker_pids()), $worker, 'by the same worker');
verify_trace();
pass('the trace is whole');



=== TEST 11: an entry is kept as long as the directive says, and no longer
--- dmp: http => 'dmp_directory_valid 2s;'
--- code
forget($Morel);
import_directory(person([$Morel], { doctor(sector('SA07')) }));
wait_for { asked('morel'); !((asked('morel'))[1]{actor}{unverified}) } 'the entry to be known';
my $before = grep { /^HMGET dmp:dir:$Morel/ } $Fake->commands;
asked('morel') for 1 .. 5;
my $after = grep { /^HMGET dmp:dir:$Morel/ } $Fake->commands;
cmp_ok($after - $before, '<', 5, 'not asked each time');
import_directory(person([$Morel], { doctor(sector('SA23')) }));
wait_for { verdict('morel') eq '403 D1 actor-excluded' } 'the change to hold', 5;
forget($Morel);
wait_for { (asked('morel'))[0] == 200 } 'the removal to hold', 5;
pass('both');



=== TEST 12: without a card the directory is not asked
--- code
my $before = grep { /^HMGET dmp:dir:/ } $Fake->commands;
is(request(get => $Search)->{status}, 401, 'refused');
my $after = grep { /^HMGET dmp:dir:/ } $Fake->commands;
is($after, $before, 'nothing was asked');



=== TEST 13: what was imported is traced, and the store learns nothing of it
--- code
my $mark = trace_mark();
import_directory(person([$Morel], { doctor(sector('SA23')) }));
my @admin = map { $_->{body} } trace($mark, qr/^admin$/);
is_deeply([map { "$_->{command} $_->{phase}" } @admin],
    ['directory import begin', 'directory import end'], 'begin and end');
is($admin[1]{added} + $admin[1]{changed}, 1, 'what it changed');
unlike(join('', @{ redis('HGETALL', key($Morel)) }), qr/SA23/, 'sealed');
verify_trace();
pass('the trace is whole');
