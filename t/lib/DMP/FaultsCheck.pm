package DMP::FaultsCheck;

# What came of a fault: the logs of the clients and of the record host, and
# the trace as the restarted store has it, put side by side.  Everything is
# worked out anew here; only I3 asks the product itself.
#
# check() returns
#   broken        by invariant (I1 … I8, and those named below), texts
#   requests, served, refused, unavailable, unanswered    of the clients' reads
#   changes       acknowledged; allowed: that the record host saw
#   abandoned     entries that gateways listed as such
#   lost          acknowledged to somebody, and not in the store
#   withheld      answers that were not let out after the request went on
#   entries       of the trace; kinds: how many of each
#   epochs        of each writer: opened, closed, by whom; by_successor: how many
#                 were ended by another
#   verify        what dmpctl audit verify said, exit: its code
#   again         its code with the options verify_again, again_said: its words
#   linear        operations whose order was checked
#
# Options: exit, the code that verify is to end with; verify, more arguments of
# it; verify_again, arguments of a second; no_verify; since, a time (DMP::Faults::monotonic) before which a store
# that was put back may have forgotten what it said; any_time, clocks were moved.

use strict;
use warnings;

use Digest::SHA ();
use Time::HiRes qw(clock_gettime CLOCK_MONOTONIC);
use Time::Local ();

use DMP ();
use DMP::Proc qw(root slurp);

use constant READER => '899700218896';

our @invariants = (map({ "I$_" } 1 .. 8), 'D', 'ends',
    'answers', 'log', 'F22');

our %says = (
    I1 => 'what the record host saw, one durable entry let through',
    I2 => 'nothing was let through after an acknowledged revocation',
    I3 => 'the trace proves whole',
    I4 => 'what was answered 503 the record host did not see',
    I5 => 'it recovers',
    I6 => 'nothing was written twice in one place',
    I7 => 'what was not acknowledged is abandoned or undetermined',
    I8 => 'each history is what the trace says',
    ends => 'each epoch of a gateway has an end',
    D => 'nothing was forwarded long after D',
    answers => 'each answer is one of those documented',
    log => 'nothing in the gateways\' logs that no run may cause',
    F22 => 'reads and changes of the record are linearizable',
);


sub check
{
    my ($rig, $counts, %o) = @_;

    my %r = (fault => $rig->{name}, safety => $rig->{safety},
        broken => { I5 => [@{ $rig->{broken} }] }, abandoned => 0,
        seconds => int($counts->{ms} / 1000));

    my $self = bless { rig => $rig, result => \%r, seen => {}, o => \%o },
        __PACKAGE__;

    # what makes unix milliseconds of the logs' monotonic ones
    $self->{offset} = (Time::HiRes::time()
        - clock_gettime(CLOCK_MONOTONIC)) * 1000;

    $self->read_store;
    $self->read_remembered($_) for @{ $rig->{remembered} };
    $self->read_clients;
    $self->read_host;

    $self->compare_host;
    $self->compare_clients($counts);
    $self->compare_histories;
    $self->verify if !$o{no_verify};
    $self->look_at_epochs;
    $self->linearize;
    $self->broken('log', $_) for $rig->guard;

    $r{lost} = keys %{ $self->{lost} // {} };
    $r{entries} = $self->{entries};

    return \%r;
}


sub broken
{
    my ($self, $invariant, $text) = @_;

    push @{ $self->{result}{broken}{$invariant} }, $text;
}


# Acknowledged, and not there.
sub lost
{
    my ($self, $trace, $time, $text) = @_;

    $self->{lost}{$trace} = 1;
    $self->broken('I1', $text) if $time >= ($self->{o}{since} // 0);
}


# --------------------------------------------------------------------- the trace

sub read_store
{
    my ($self) = @_;

    my $client = DMP::Redis->connect($self->{rig}->store_address)
        or die "the restarted store cannot be reached\n";

    for my $stream (sort @{ $client->call('KEYS', '{dmp:*}:trace') }) {
        my $from = '-';
        my $place = 0;

        for (;;) {
            my $items = $client->call('XRANGE', $stream, $from, '+',
                'COUNT', 100);

            last if !@$items;

            for my $item (@$items) {
                my %field = @{ $item->[1] };

                $self->take($stream, $place++, $item->[0], @field{qw(b o)});
                $from = "($item->[0]";
            }
        }
    }

    $self->{index} = { map { $_ => $client->call('LRANGE', $_, 0, -1) }
        @{ $client->call('KEYS', '{dmp:*}:idx:*') } };
}


# One entry, in the order of its bucket.  A body is compact and its members
# are in a fixed order: a parser of JSON would take minutes.
sub take
{
    my ($self, $stream, $place, $id, $body, $outcome) = @_;

    my ($kind, $writer, $epoch, $seq, $bucket) = $body =~ m{
        ^\{"format":1,"kind":"([\w-]+)","writer":"([^"]+)","epoch":(\d+),
        "seq":(\d+),"prev":"[^"]*","bucket":(\d+),
    }x or die "not an entry, $id of $stream: $body\n";

    $self->{entries}++;
    $self->{result}{kinds}{$kind}++;
    $self->once($writer, $epoch, $seq, $bucket, $body);

    if ($kind eq 'access' || $kind eq 'change') {
        $self->take_access($stream, $place, $id, $kind, $body, $outcome,
            "$writer $bucket $epoch $seq");

    } elsif ($kind eq 'outcome') {
        $self->take_outcome($body);

    } elsif ($kind eq 'epoch-open') {
        $self->{result}{epochs}{"$writer $epoch"}{opened}++;

    } elsif ($kind eq 'epoch-close') {
        my ($of, $which) = $body =~ /"of":\["([^"]+)",(\d+)\]/;
        my ($source) = $body =~ /"source":"(\w+)"/;

        $self->{result}{epochs}{ defined $of ? "$of $which"
            : "$writer $epoch" }{ defined $of ? "by $source" : 'closed' }++;
    }
}


# Ended by its writer, by any later epoch of the same writer, or by a successor
# of its writer.  Numbers may have gaps: an epoch that was opened at a primary
# that was cut off went with it.
sub look_at_epochs
{
    my ($self) = @_;

    my $epochs = $self->{result}{epochs};
    my %last;

    $self->{result}{by_successor} = 0;

    for my $name (keys %{ $epochs // {} }) {
        my ($writer, $epoch) = split ' ', $name;

        $last{$writer} = $epoch if $epoch > ($last{$writer} // -1);
    }

    for my $name (sort keys %{ $epochs // {} }) {
        my ($writer, $epoch) = split ' ', $name;
        my $end = $epochs->{$name};
        my $other = grep { /^by / } keys %$end;

        $self->{result}{by_successor} += $other;
        $self->broken('ends', "epoch $epoch of $writer has no end")
            if $writer =~ /^gateway/ && !$other && !$end->{closed}
                && $epoch == $last{$writer};
    }
}


# I6
sub once
{
    my ($self, $writer, $epoch, $seq, $bucket, $body) = @_;

    my $hash = Digest::SHA::sha256($body);
    my $known = $self->{seen}{"$writer $epoch $seq $bucket"} //= $hash;

    $self->broken('I6', "$writer, epoch $epoch, seq $seq, bucket $bucket: two "
        . 'bodies') if $known ne $hash;
}


sub take_access
{
    my ($self, $stream, $place, $id, $kind, $body, $outcome, $receipt) = @_;

    my ($trace) = $body =~ /"trace":"([^"]+)"/;
    my ($actor) = $body =~ /"actor":\{"kind":"\w+","id":"(\w+)"/;
    my ($patient) = $body =~ /"patient":"([^"]+)"/;
    my ($decision, $version) = $body =~ /"decision":"(\w+)".*"version":(\d+)/;

    my %entry = (id => $id, stream => $stream, place => $place, kind => $kind,
        outcome => $outcome, time => unix_ms($body), decision => $decision // '',
        actor => $actor // '', receipt => $receipt);

    push @{ $self->{trace}{$trace} }, \%entry;

    # I8: what a commit about a record pushes to its history
    if (defined $patient && $outcome ne 'S') {
        my ($ms, $n) = split /-/, $id;

        push @{ $self->{history}{ ($stream =~ s/trace$//r) . "idx:$patient" } },
            $n < 65536 ? substr(pack('Q>', $ms), 2) . pack('n', $n)
                : pack('Q>Q>', $ms, $n);
    }

    return if !defined $patient;

    my $now = $self->{record}{$patient} //= {};

    if ($kind eq 'change' && $outcome eq 'R') {
        ($now->{version}) = $body =~ /"new_version":(\d+)/;

        my ($change) = $body =~ /"change":"([\w-]+)"/;

        $now->{allowed} = $change eq 'authorise' ? 1 : 0
            if defined $change
                && $change =~ /^(?:authorise|block|unblock|withdraw)$/
                && $body =~ /"target":"@{[ READER ]}"/;

        $entry{allowed} = $now->{allowed};

    } elsif ($outcome eq '1') {
        $self->follow($now, \%entry, $version);
    }
}


sub unix_ms
{
    my ($year, $month, $day, $hour, $minute, $second, $ms) = $_[0] =~
        /"time":"(\d+)-(\d+)-(\d+)T(\d+):(\d+):(\d+)\.(\d+)Z"/
        or die "no time: $_[0]\n";

    return 1000 * Time::Local::timegm_modern($second, $minute, $hour, $day,
        $month - 1, $year) + $ms;
}


# I2 in the store's own order: each access by what was the record then.
sub follow
{
    my ($self, $now, $entry, $version) = @_;

    $self->broken('I2', "entry $entry->{id} used version "
        . ($version // 'none') . " of $now->{version}")
        if defined $now->{version}
            && (!defined $version || $version != $now->{version});

    $self->broken('I2', "entry $entry->{id} says $entry->{decision}, the "
        . 'record ' . ($now->{allowed} ? 'allows' : 'forbids'))
        if defined $now->{allowed} && $entry->{actor} eq READER
            && $entry->{kind} eq 'access'
            && $now->{allowed} != ($entry->{decision} eq 'allow');
}


sub take_outcome
{
    my ($self, $body) = @_;

    my ($outcomes, $abandoned) = $body =~
        /"outcomes":\[(.*?)\],"abandoned":\[(.*?)\]/
        or die "not outcomes: $body\n";

    while ($outcomes =~ /\["([^"]+)",(\d+)/g) {
        $self->{status}{$1} = $2;
    }

    while ($abandoned =~ /"([^"]+)"/g) {
        $self->{result}{abandoned}++ if !$self->{abandoned}{$1}++;
    }
}


# Entries of files that the store had before a fault: for I6 alone, since the
# store may be right to have forgotten them.
sub read_remembered
{
    my ($self, $folder) = @_;

    for my $file (glob "$folder/*.incr.aof") {
        my $log = slurp($file);

        while ($log =~ /\$(\d+)\r\n(?=\{"format":1,"kind")/g) {
            my $body = substr $log, pos $log, $1;

            next if length $body < $1;

            $self->once($1, $2, $3, $4, $body) if $body =~ m{
                "writer":"([^"]+)","epoch":(\d+),"seq":(\d+),
                "prev":"[^"]*","bucket":(\d+),
            }x;
        }
    }
}


# ----------------------------------------------------------------- the two logs

sub read_clients
{
    my ($self) = @_;

    my $file = "$self->{rig}{folder}/logs/client.log";

    open my $in, '<', $file or die "$file: $!\n";

    while (<$in>) {
        my @f = split;

        if ($f[0] eq 'read') {
            my %read;

            @read{qw(kind reader gateway sent first status trace)} =
                @f[1 .. 7];
            push @{ $self->{reads} }, \%read;

        } elsif ($f[0] eq 'change' && $f[1] ne 'refused:') {
            push @{ $self->{changes} }, { what => $f[1],
                how => join(' ', @f[1 .. $#f - 4]), sent => $f[-4],
                done => $f[-3], good => $f[-2], trace => $f[-1] };

        } elsif ($f[0] eq 'violation') {
            chomp;
            $self->broken('I2', $_);
        }
    }
}


sub read_host
{
    my ($self) = @_;

    my $file = "$self->{rig}{folder}/logs/host.log";

    open my $in, '<', $file or die "$file: $!\n";

    while (<$in>) {
        my ($time, $host, $target, $trace, @receipt) = split;

        push @{ $self->{host}{$trace} }, { time => $time,
            receipt => "@receipt" } if $trace ne '-';
    }
}


sub entries { @{ $_[0]{trace}{ $_[1] } // [] } }


sub allowing
{
    my ($self, $trace) = @_;

    return grep { $_->{kind} eq 'access' && $_->{decision} eq 'allow'
        && $_->{outcome} eq '1' } $self->entries($trace);
}


sub compare_host
{
    my ($self) = @_;

    for my $trace (sort keys %{ $self->{host} // {} }) {
        my @seen = @{ $self->{host}{$trace} };
        my @allowing = $self->allowing($trace);

        $self->broken('I1', "$trace: forwarded " . @seen . ' times')
            if @seen != 1;
        $self->lost($trace, $seen[0]{time}, "$trace: forwarded, no entry allowed it")
            if !@allowing;
        $self->broken('I1', "$trace: forwarded, allowed by " . @allowing
            . ' entries') if @allowing > 1;
        $self->broken('I1', "$trace: its receipt is not that of its entry")
            if @allowing == 1 && $seen[0]{receipt} ne $allowing[0]{receipt};
        $self->broken('I1', "$trace: forwarded, and listed as abandoned")
            if $self->{abandoned}{$trace};

        $self->compare_times($trace, $seen[0]{time}, $allowing[0]{time})
            if @allowing == 1 && !$self->{o}{any_time};
    }

    $self->{result}{allowed} = keys %{ $self->{host} // {} };

    # I7: what stands and was not forwarded says so, or says nothing
    for my $trace (sort keys %{ $self->{trace} // {} }) {
        next if $self->{host}{$trace} || !$self->allowing($trace)
            || $self->{abandoned}{$trace} || !exists $self->{status}{$trace};

        $self->broken('I7', "$trace: not forwarded, not abandoned, and ended "
            . "with status $self->{status}{$trace}");
    }
}


# An entry says when it was sent.  Nothing is forwarded on it after D; a second
# more is for processes that wait for their turn on a busy machine.
sub compare_times
{
    my ($self, $trace, $seen, $sent) = @_;

    my $late = $seen / 1e6 + $self->{offset} - $sent;

    $self->broken('D', "$trace: forwarded " . int($late)
        . ' ms after its entry was sent')
        if $late > $self->{rig}{deadline} + 1000;
}


sub compare_clients
{
    my ($self, $counts) = @_;

    my $r = $self->{result};
    my $deadline = $self->{rig}{deadline} * 1e6;
    my %answers;

    @$r{qw(withheld unanswered)} = (0, 0);

    for my $read (@{ $self->{reads} // [] }) {
        my ($status, $trace) = @$read{qw(status trace)};

        $answers{$status}++;

        if ($status == 0) {
            $r->{unanswered}++;
            $self->broken('answers', "$read->{kind}: no answer")
                if !$self->{rig}{lost}
                && !grep { $_->[0] <= $read->{sent} && $read->{sent} <= $_->[1] }
                    @{ $self->{rig}{reloads} // [] };

        } elsif ($status == 200) {
            $self->lost($trace, $read->{sent}, "$trace: served, no entry allowed it")
                if !$self->allowing($trace);

        } elsif ($status == 403 || $status == 404) {
            $self->lost($trace, $read->{sent}, "$trace: refused, and not in the trace")
                if !$self->entries($trace);

        } elsif ($status == 503) {
            $self->unavailable($read, $deadline);

        } elsif (!$self->{rig}{answers}{$status}) {
            $self->broken('answers', "$read->{kind}: status $status");
        }
    }

    for my $change (@{ $self->{changes} // [] }) {
        next if !$change->{good} || $change->{trace} eq '-';

        $self->lost($change->{trace}, $change->{sent}, "$change->{how}: "
            . 'acknowledged, and not in the trace') if !grep { $_->{outcome} eq 'R' }
                $self->entries($change->{trace});
    }

    @$r{qw(served refused unavailable)} = map { $_ // 0 } $answers{200},
        ($answers{403} // 0) + ($answers{404} // 0), $answers{503};
    $r->{requests} = @{ $self->{reads} // [] };
    $r->{changes} = $counts->{changes};
    $r->{boundaries} = $counts->{boundaries};
}


# I4.  An answer that was on its way longer than the deadline is judged again
# before it leaves, and cannot be without a store: its request was let through,
# by an entry of its own.
sub unavailable
{
    my ($self, $read, $deadline) = @_;

    return if $read->{trace} eq '-' || !$self->{host}{ $read->{trace} };

    if ($read->{first} - $read->{sent} < $deadline) {
        $self->broken('I4', "$read->{trace}: answered 503 after "
            . int(($read->{first} - $read->{sent}) / 1e6)
            . ' ms, and the record host saw it');

    } else {
        $self->{result}{withheld}++;
    }
}


# I8
sub compare_histories
{
    my ($self) = @_;

    for my $key (sort keys %{ { %{ $self->{index} }, %{ $self->{history} // {} } } }) {
        my @has = @{ $self->{index}{$key} // [] };
        my @is = @{ $self->{history}{$key} // [] };

        $self->broken('I8', "$key: " . @has . ' references, ' . @is
            . ' entries') if @has != @is;

        for my $i (0 .. ($#has < $#is ? $#has : $#is)) {
            next if $has[$i] eq $is[$i];

            $self->broken('I8', "$key: reference " . ($i + 1)
                . ' is to another entry');
            last;
        }
    }
}


# I3, with the receipts that the record host was given.
sub verify
{
    my ($self) = @_;

    my $log = $self->receipts;
    my @command = ('audit', 'verify', '--all', '--redis',
        $self->{rig}->store_address, '--audit-public-key',
        DMP::keys() . '/audit.pub', '--backend-log', $log,
        @{ $self->{o}{verify} // [] });

    my ($code, $said) = run_dmpctl(@command);

    @{ $self->{result} }{qw(exit verify)} = ($code, $said);

    my $expected = $self->{o}{exit} // 0;

    $self->broken('I3', "exit $code: $said") if $code != $expected;

    if (my $more = $self->{o}{verify_again}) {
        @{ $self->{result} }{qw(again again_said)} =
            run_dmpctl((grep { !/^--backend-log$|\Q$log\E/ } @command), @$more);
    }
}


# A log as an operator of a record host may keep it.
sub receipts
{
    my ($self) = @_;

    my $file = "$self->{rig}{folder}/logs/receipts";

    open my $out, '>', $file or die "$file: $!\n";

    for my $trace (sort keys %{ $self->{host} // {} }) {
        print $out "GET \"DMP-Trace-Receipt: $trace $_->{receipt}\"\n"
            for @{ $self->{host}{$trace} };
    }

    close $out or die "$file: $!\n";

    return $file;
}


# dmpctl's exit code and all that it says.
sub run_dmpctl
{
    my (@words) = @_;

    my $log = DMP::Proc::dir() . '/tool.out';

    unlink $log;

    my $pid = DMP::Proc::start('dmpctl', $log, root() . '/build/dmpctl', @words);

    waitpid $pid, 0;

    my $code = $? & 127 ? 128 + ($? & 127) : $? >> 8;

    return ($code, slurp($log));
}


# ------------------------------------------------------------------ linearizable

# F22.  The record is a register: changes write whether the reader may read,
# reads tell it.  The store's order of their entries is the order in which
# they are said to have happened at once.  It is a linearization if no
# operation that had ended before another began comes after it, and if each
# read tells what was written last before it.
sub linearize
{
    my ($self) = @_;

    my @operations = ($self->operations_of_changes, $self->operations_of_reads);
    my ($latest, $allowed, $began) = (0);

    @operations = sort { $a->{place} <=> $b->{place} } @operations;
    $self->{result}{linear} = @operations;

    for my $op (@operations) {
        $self->broken('F22', "$op->{what} had ended before $began began, and "
            . 'comes after it') if $op->{end} < $latest;

        ($latest, $began) = ($op->{begin}, $op->{what})
            if $op->{begin} > $latest;

        if ($op->{writes}) {
            $allowed = $op->{value};

        } elsif (defined $allowed && $op->{value} != $allowed) {
            $self->broken('F22', "$op->{what}: "
                . ($op->{value} ? 'served' : 'refused') . ', and the record '
                . ($allowed ? 'allows' : 'forbids') . ' it');
        }
    }

    $self->late_refusals(\@operations);
}


# Each entry that changed the record: acknowledged to somebody or not.
sub operations_of_changes
{
    my ($self) = @_;

    my %known = map { $_->{trace} => $_ } grep { $_->{good} }
        @{ $self->{changes} // [] };

    return map {
        my ($entry, $change) = @$_;

        { what => 'change ' . $entry->{id}, writes => 1,
          value => $entry->{allowed}, place => $entry->{place},
          begin => $change ? $change->{sent} : 0,
          end => $change ? $change->{done} : 9**99 };

    } map {
        my $trace = $_;

        map { [$_, $known{$trace}] } grep { $_->{outcome} eq 'R'
            && defined $_->{allowed} } $self->entries($trace);
    } keys %{ $self->{trace} // {} };
}


sub operations_of_reads
{
    my ($self) = @_;

    my @operations;

    for my $read (@{ $self->{reads} // [] }) {
        next if $read->{status} !~ /^(?:200|403|404)$/;

        my $served = $read->{status} == 200;
        my @all = grep { $_->{kind} eq 'access' }
            $self->entries($read->{trace});
        my @stands = grep { $_->{outcome} eq '1' } @all;

        # where none stands, the one that it must have believed in
        my ($entry) = reverse grep { ($_->{decision} eq 'allow') == $served }
            @stands ? @stands : @all;

        if (!$entry) {
            push @{ $self->{late} }, $read if !$served;
            next;
        }

        push @operations, { what => "read $read->{trace}", writes => 0,
            value => $served ? 1 : 0, place => $entry->{place},
            begin => $read->{sent}, end => $read->{first} };
    }

    return @operations;
}


# Let through, and refused when the answer was there: then rights were taken
# in between.
sub late_refusals
{
    my ($self, $operations) = @_;

    my @taken = grep { $_->{writes} && !$_->{value} } @$operations;

    $self->{result}{late_refusals} = @{ $self->{late} // [] };

    for my $read (@{ $self->{late} // [] }) {
        my ($entry) = $self->allowing($read->{trace}) or next;

        $self->broken('F22', "read $read->{trace} was refused late, and nothing "
            . 'had been taken') if !grep { $_->{place} > $entry->{place}
                && $_->{begin} < $read->{first} } @taken;
    }
}

1;
