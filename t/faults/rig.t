# The rig itself: each invariant is found broken in logs and traces that were
# made up to break it, and in nothing else.

use strict;
use warnings;

use lib 't/lib';
use DMP::Faults;
use Digest::SHA ();
use Test::More;

# What DMP::FaultsCheck asks of a rig.
package MadeUp {
    sub store_address { DMP::redis_address() }
    sub guard { @{ $_[0]{lines} // [] } }
}

package main;

my $case = 0;
my $second = '2026-01-01T00:00:0';
my $epoch_ms = 1767225600_000;           # that second, in unix time

# One entry, with the members in their order.
sub body
{
    my (%e) = @_;

    my $patient = exists $e{patient} ? $e{patient} : 'P';
    my $text = sprintf '{"format":1,"kind":"%s","writer":"%s","epoch":%u,'
        . '"seq":%u,"prev":"x","bucket":0,"time":"%s%s.000Z","ack":[0,"x"]',
        $e{kind}, $e{writer} // 'gateway-0/a', $e{epoch} // 1, $e{seq}, $second,
        $e{second} // 1;

    return $text . $e{rest} . '}' if $e{rest};

    return $text . qq(,"trace":"$e{trace}","actor":{"kind":"card","id":")
        . ($e{actor} // '899700218896') . qq("},"patient":"P",)
        . ($e{change} ? qq("change":"$e{change}","target":"899700218896",) : '')
        . qq("decision":"$e{decision}","version":$e{version})
        . ($e{change} ? qq(,"new_version":$e{new}) : '') . '}';
}


# An authorisation, a read that was served, a block, and a read that was
# refused; what the options say is otherwise.
sub broken_by
{
    my ($edit) = @_;

    DMP::redis('FLUSHALL');

    my $folder = DMP::Proc::dir() . '/case' . ++$case;

    mkdir $_ or die "$_: $!\n" for $folder, "$folder/logs";

    my %w = (
        entries => [
            [S => body(kind => 'epoch-open', seq => 1, rest => ',"public":"x"')],
            [R => body(kind => 'change', seq => 2, trace => 'c1', version => 1,
                decision => 'allow', change => 'authorise', new => 2)],
            [1 => body(kind => 'access', seq => 3, trace => 'r1', version => 2,
                decision => 'allow')],
            [R => body(kind => 'change', seq => 4, trace => 'c2', version => 2,
                decision => 'allow', change => 'block', new => 3)],
            [1 => body(kind => 'access', seq => 5, trace => 'r2', version => 3,
                decision => 'deny')],
            [S => body(kind => 'outcome', seq => 6, rest =>
                ',"outcomes":[["r1",200,0,0,0]],"abandoned":[]')],
            [S => body(kind => 'epoch-close', seq => 7, rest =>
                ',"heads":[]')],
        ],
        index => [2 .. 5],
        # seconds after the first
        changes => [[block => 0.1, 0.2, 1, 'c1'], [block => 1.4, 1.8, 1, 'c2']],
        reads => [[1, 1.1, 200, 'r1'], [2, 2.1, 403, 'r2']],
        host => [[1.05, 'r1', 'gateway-0/a 0 1 3']],
        rig => {},
    );

    $edit->(\%w);
    write_case($folder, \%w);

    my $rig = bless { folder => $folder, name => 'rig', safety => '',
        deadline => 250, broken => [], remembered => [], lost => 0, log => [],
        answers => {}, %{ $w{rig} } }, 'MadeUp';

    # the logs' clock is monotonic, the trace's is not
    my $offset = $epoch_ms / 1000;
    no warnings 'redefine';
    local *DMP::FaultsCheck::clock_gettime = sub { Time::HiRes::time() - $offset };

    my $r = DMP::FaultsCheck::check($rig, { ms => 0, changes => 2 },
        no_verify => 1);

    return join ' ', grep { @{ $r->{broken}{$_} // [] } }
        @DMP::FaultsCheck::invariants;
}


sub write_case
{
    my ($folder, $w) = @_;

    my $ns = sub { int($_[0] * 1e9) };
    my $id = 0;

    for my $entry (@{ $w->{entries} }) {
        DMP::redis('XADD', '{dmp:00}:trace', '1000-' . ++$id, 'b', $entry->[1],
            'o', $entry->[0]);
    }

    DMP::redis('RPUSH', '{dmp:00}:idx:P', substr(pack('Q>', 1000), 2)
        . pack('n', $_)) for @{ $w->{index} };

    open my $clients, '>', "$folder/logs/client.log" or die "$folder: $!\n";
    printf $clients "change %s by gateway 0 %u %u %u %s\n", $_->[0],
        $ns->($_->[1]), $ns->($_->[2]), @$_[3, 4] for @{ $w->{changes} };
    printf $clients "read search 0 0 %u %u %u %s\n", $ns->($_->[0]),
        $ns->($_->[1]), @$_[2, 3] for @{ $w->{reads} };
    print $clients "$_\n" for @{ $w->{more} // [] };
    close $clients or die "$folder: $!\n";

    open my $host, '>', "$folder/logs/host.log" or die "$folder: $!\n";
    printf $host "%u fast DocumentReference %s %s\n", $ns->($_->[0]),
        @$_[1, 2] for @{ $w->{host} };
    close $host or die "$folder: $!\n";
}



is broken_by(sub { }), '', 'nothing is wrong';

my @cases = (
    'forwarded without an entry' => 'I1', sub {
        push @{ $_[0]{host} }, [1.2, 'r9', 'gateway-0/a 0 1 9'] },
    'forwarded twice' => 'I1', sub {
        push @{ $_[0]{host} }, $_[0]{host}[0] },
    'another receipt' => 'I1', sub { $_[0]{host}[0][2] =~ s/3$/2/ },
    'forwarded, and abandoned' => 'I1', sub {
        $_[0]{entries}[5][1] =~ s/"abandoned":\[/"abandoned":["r1"/ },
    'an entry that another version refused' => 'I1', sub {
        $_[0]{entries}[2][0] = 0 },
    'a read that believed what was not' => 'I1 I2 F22', sub {
        $_[0]{entries}[4][1] =~ s/"deny"/"allow"/;
        $_[0]{reads}[1] = [2, 2.1, 200, 'r3'];
        $_[0]{entries}[4][1] =~ s/"r2"/"r3"/; $_[0]{entries}[4][0] = 0;
        splice @{ $_[0]{entries} }, 5, 0, [1 => body(kind => 'access', seq => 8,
            trace => 'r4', version => 2, decision => 'deny')];
        push @{ $_[0]{index} }, 6 },
    'refused without an entry' => 'I1', sub {
        push @{ $_[0]{reads} }, [2, 2.1, 404, 'r9'] },
    'a change that is not there' => 'I1', sub {
        push @{ $_[0]{changes} }, [block => 2, 2.1, 1, 'c9'] },
    'an old version' => 'I2', sub {
        $_[0]{entries}[4][1] =~ s/"version":3/"version":2/ },
    'what the load saw' => 'I2', sub { $_[0]{more} = ['violation late'] },
    'answered 503, and forwarded' => 'I4', sub { $_[0]{reads}[0][2] = 503 },
    'no recovery' => 'I5', sub { $_[0]{rig}{broken} = ['never'] },
    'two bodies in one place' => 'I6', sub {
        push @{ $_[0]{entries} }, [S => body(kind => 'checkpoint', seq => 6,
            rest => ',"heads":[]')] },
    'not forwarded, not abandoned' => 'I7', sub {
        $_[0]{host} = []; $_[0]{reads}[0][2] = 503 },
    'a history that lacks one' => 'I8', sub { pop @{ $_[0]{index} } },
    'a history with another' => 'I8', sub { $_[0]{index}[1] = 6 },
    'a history in another order' => 'I8', sub {
        @{ $_[0]{index} } = (3, 2, 4, 5) },
    'forwarded late' => 'D', sub { $_[0]{host}[0][0] = 2.5;
        $_[0]{reads}[0][1] = 2.6 },
    'an epoch without an end' => 'ends', sub { pop @{ $_[0]{entries} } },
    'no answer' => 'answers', sub {
        push @{ $_[0]{reads} }, [2, 2.1, 0, '-'] },
    'another answer' => 'answers', sub {
        push @{ $_[0]{reads} }, [2, 2.1, 500, '-'] },
    'a line of a log' => 'log', sub { $_[0]{rig}{lines} = ['[alert]'] },
    'a read that began when rights were taken' => 'F22', sub {
        $_[0]{reads}[0][0] = 1.9; $_[0]{reads}[0][1] = 2; $_[0]{host}[0][0] = 1.95 },
    'a read that ended before rights were given' => 'F22', sub {
        $_[0]{changes}[0][1] = 1.2; $_[0]{changes}[0][2] = 1.3 },
);

while (my ($what, $invariant, $edit) = splice @cases, 0, 3) {
    is broken_by($edit), $invariant, "$what: $invariant";
}

# what cannot be an error
is broken_by(sub { $_[0]{rig}{lost} = 1;
    push @{ $_[0]{reads} }, [2, 2.1, 0, '-'] }), '', 'a worker died';
is broken_by(sub { $_[0]{reads}[0][2] = 503; $_[0]{reads}[0][1] = 1.4 }), '',
    'an answer that was judged again';
is broken_by(sub { $_[0]{host} = []; $_[0]{reads}[0][2] = 503;
    $_[0]{entries}[5][1] =~ s/"outcomes":.*?\],"abandoned":\[/"outcomes":[],"abandoned":["r1"/
    }), '', 'not forwarded, and abandoned';

DMP::Faults::done();
