package DMP::Faults;

# The rig of t/faults/: a store of its own, two gateways, and the race of
# t/race/ as load (readers, changes of rights, the record host, in one
# program).  A fault is put into it while it runs, and taken out; then all is
# stopped, the store is started again from its files, and what clients, record
# host and trace say is put side by side (DMP::FaultsCheck).
#
#   my $rig = DMP::Faults->new(name => 'F1', deadline => 150);
#   $rig->start;                     store, load, gateways; they serve
#   $rig->load(300);                 so many more answers
#   $rig->kill_store; $rig->start_store;
#   $rig->recovered;                 each gateway serves again, and rights are
#                                    taken again; else I5 is broken
#   my $result = $rig->finish;       stops all, checks on the restarted store
#   DMP::Faults::held($result, 'F1, the store killed');
#   DMP::Faults::missed($result, 'F1, ...', qw(I1 I2));    a negative control
#
# Options of new:
#
#   name, what      of the fault, for the table; safety: what a control has off
#   deadline        D, ms (150)
#   workers         of each gateway (2)
#   pause           ms between an answer and the next request of a reader (8)
#   slow, large, tool, twice, near, judging, entries, aim     of the race
#   durability      of the gateways ("fsync")
#   nodes           names of the gateways (gateway-0, gateway-1)
#   unsafe          safeties that are off, in the build made for that: a name,
#                   or "none"
#   store           arguments of redis-server, over the usual ones: name => value
#   shim            1: shim.c stands before the store's fsync()
#   clocks          1: shim.c moves clocks, see move_clock()
#   store_env, gateway_env     environment of the store; of each gateway, a list
#   daemon          1: gateways leave us, as an upgrade of nginx asks for
#   disk            size of a file system for the store's files ("48m"; root)
#   tcp             the store listens on a port, too: see store_tcp()
#   store_at        sub ($rig, $n): the address that gateway n is given
#   store_options   of dmp_redis ("timeout=5s")
#   http            lines in the http part: text, or sub ($rig, $n)
#   host            what the store listens on and the gateways come from, for
#                   network namespaces: sub (@command) that returns the command
#                   as it is to be run; run => { store => sub, gateway => sub }
#   record          of the patient: members over the usual ones
#   answers         { STATUS => 1 }: others than 200, 403, 404 and 503 that are
#                   right in this fault
#   lost            1: connections may end without an answer (a worker died)
#   log             patterns of lines in error.log that this fault may cause
#
# In it: folder, store_pid, nginx (pids of the masters), deadline.  A test that
# needs more of a store (replicas) starts it itself with store_command().

use strict;
use warnings;

use IO::Handle;
use JSON::PP ();
use Test::More ();
use Time::HiRes ();

use DMP ();
use DMP::FaultsCheck ();
use DMP::FaultsGateways ();
use DMP::FaultsProxy ();
use DMP::FaultsStore ();
use DMP::Proc qw(root dir wait_for slurp free_port);

our @ISA = qw(DMP::FaultsStore DMP::FaultsGateways);

use constant {
    INS => '285037512000151',
    READER => '899700218896',            # morel
    TREATING => '899700588637',          # leroy
};

my $runs = 0;
my %default = (name => '?', what => '', safety => '', deadline => 150,
    workers => 2, pause => 8, slow => 60, large => 2, tool => 50, twice => 300,
    near => 300, judging => 8, entries => 500, aim => 0, durability => 'fsync',
    nodes => ['gateway-0', 'gateway-1'], unsafe => '', store => {},
    store_env => {}, gateway_env => [{}, {}], http => '', store_options => '', record => {},
    run => {}, answers => {}, lost => 0, log => []);


sub new
{
    my ($class, %o) = @_;

    my $folder = dir() . '/f' . ++$runs;
    my $self = bless { %default, %o, folder => $folder, broken => [],
        remembered => [] }, $class;

    for my $path ($folder, "$folder/store", "$folder/logs") {
        mkdir $path or die "$path: $!\n";
        chmod 0777, $path or die "$path: $!\n";
    }

    if ($self->{disk}) {
        $self->disk('mount', "size=$self->{disk}");
        $self->{mounted} = 1;
    }

    return $self;
}


# Skips the whole test where that is needed and we are not root.
sub need_root
{
    Test::More::plan(skip_all => 'needs root') if $> != 0;
}


sub start
{
    my ($self) = @_;

    $self->start_store;
    $self->prepare;
    $self->start_load;
    $self->start_gateway($_) for 0, 1;

    syswrite $self->{to}, "\n" or die 'the race ended: ' . $self->said;

    # a fault that is put into what serves nobody shows nothing, and a control
    # would wait for it in vain
    $self->recovered('at the start')
        or die join "\n", @{ $self->{broken} }, $self->said_of_store, '';

    return $self;
}


# --------------------------------------------------------------------- the load

# The store with that deadline, and the patient's record.
sub prepare
{
    my ($self) = @_;

    my $file = "$self->{folder}/record.jsonl";

    DMP::dmpctl('init', '--redis', $self->store_address, '--deadline',
        "$self->{deadline}ms", '--gateways-stopped');

    open my $out, '>:utf8', $file or die "$file: $!\n";
    print $out JSON::PP->new->canonical->encode({ ins => INS, status => 'open',
        traits => { family => 'MARTIN', given => 'Jeanne' },
        emergency => { map { $_ => JSON::PP::true }
            qw(bris_de_glace centre_15 masked) },
        treating => [TREATING], %{ $self->{record} } }), "\n";
    close $out or die "$file: $!\n";

    $self->tool('record', 'import', $file, '--node', 'import');
}


# dmpctl with the store and the keys; dies when it fails.
sub tool
{
    my ($self, @words) = @_;

    my $keys = DMP::keys();

    return DMP::dmpctl(@words, '--redis', $self->store_address,
        map { ("--$_-key", "$keys/$_.key") } qw(record audit pseudonym));
}


sub start_load
{
    my ($self) = @_;

    my $folder = $self->{folder};
    my $keys = DMP::keys();

    $self->{ports} = [free_port(), free_port()];

    my @command = (root() . '/build/race', '--told',
        '--reads', 1_000_000_000, '--seconds', 3600,
        (map { ("--$_", $self->{$_}) } qw(deadline slow large tool twice near
            judging entries pause)),
        (map { $self->{$_} ? "--$_" : () } qw(aim)),
        (map { ('--gateway', "127.0.0.1:$_") } @{ $self->{ports} }),
        (map { ('--socket', "unix:$folder/gateway$_.sock") } 0, 1),
        '--fast', "$folder/fast.sock", '--slow-host', "$folder/slow.sock",
        '--store', $self->store_address, '--pki', DMP::pki(),
        '--reader', 'morel', '--treating', 'leroy', '--ins', INS,
        '--professional', READER, '--logs', "$folder/logs",
        '--', root() . '/build/dmpctl', '--redis', $self->store_address,
        '--policy', DMP::policy(),
        (map { ("--$_-key", "$keys/$_.key") } qw(record audit pseudonym)),
        '--node', 'ops');

    pipe my $in, my $out or die "pipe: $!\n";

    # DMP::Proc gives /dev/null as input: the race is told by a line there
    $self->{race} = DMP::Proc::start('the race', "$folder/logs/race.err", sub {
        open STDIN, '<&', $in or die "stdin: $!\n";
        open STDOUT, '>>', "$folder/logs/race.out" or die "stdout: $!\n";
        close $out;
        exec { $command[0] } @command or die "$command[0]: $!\n";
    });

    close $in;
    $out->autoflush(1);
    $self->{to} = $out;

    wait_for {
        DMP::Proc::alive($self->{race}) or die 'the race ended: ' . $self->said;
        slurp("$folder/logs/race.out") =~ /^ready$/m;
    } 'the race';
}


sub said { slurp("$_[0]{folder}/logs/race.err") || "without a word\n" }


# How it stands: what the race counts, no older than a twentieth of a second
# or so.
sub now
{
    my ($self) = @_;

    my $file = "$self->{folder}/logs/race.out";

    open my $in, '<', $file or die "$file: $!\n";
    seek $in, -4096, 2 if -s $file > 4096;

    my @lines = do { local $/; <$in> =~ /^now (\{.*\})\n/mg };

    return @lines ? JSON::PP::decode_json($lines[-1]) : {};
}


# The same, counted after this call.
sub fresh
{
    my ($self) = @_;

    $self->grows('a new count', 10, ms => 100);

    return $self->now;
}


# Waits until these counts have grown by so much.
sub grows
{
    my ($self, $what, $seconds, %by) = @_;

    my $from = $self->now;

    return wait_for {
        DMP::Proc::alive($self->{race}) or die 'the race ended: ' . $self->said;

        my $now = $self->now;

        !grep { ($now->{$_} // 0) < ($from->{$_} // 0) + $by{$_} } keys %by;
    } $what, $seconds // 60;
}


# So many more answers of any kind.
sub load
{
    my ($self, $reads) = @_;

    $self->grows("$reads reads", 120, reads => $reads);
}


# Served again by each gateway, and rights are taken again.  What is waited
# for is a fact; how long it may take is no promise.
sub recovered
{
    my ($self, $what, %by) = @_;

    return 1 if eval {
        $self->grows('recovery', 60, served_by_0 => 10, served_by_1 => 10,
            boundaries => 1, %by);
    };

    push @{ $self->{broken} }, "I5: no recovery " . ($what // 'after the fault')
        . ": $@" . JSON::PP->new->canonical->encode($self->now);

    return 0;
}


# How long a fault lasts: a fact of the fault, waited for by a timer.
sub lasts
{
    my ($self, $seconds) = @_;

    my $end = Time::HiRes::time() + $seconds;

    while ((my $left = $end - Time::HiRes::time()) > 0) {
        select undef, undef, undef, $left;
    }
}


# --------------------------------------------------------------------- the end

# Ends the load, the gateways and the store, starts it again from its files
# and checks: DMP::FaultsCheck says what is in the result.
sub finish
{
    my ($self, %check) = @_;

    my $counts = $self->end_load;

    $self->stop_gateway($_) for 0, 1;
    $self->kill_store;

    my $shim = delete $self->{shim};
    my $run = delete $self->{run}{store};
    my $clocks = delete $self->{clocks};

    $self->start_store(appendfsync => 'always',
        'no-appendfsync-on-rewrite' => 'no');
    @$self{qw(shim clocks)} = ($shim, $clocks);
    $self->{run}{store} = $run if $run;

    my $result = DMP::FaultsCheck::check($self, $counts, %check);

    $self->stop;

    return $result;
}


sub end_load
{
    my ($self) = @_;

    local $SIG{PIPE} = 'IGNORE';
    syswrite $self->{to}, "stop\n" or die 'the race ended: ' . $self->said;

    my $line;

    wait_for {
        ($line) = slurp("$self->{folder}/logs/race.out") =~ /^(\{.*\})\n/m;
        $line || !DMP::Proc::alive($self->{race});
    } 'the end of the race', 60;

    die 'the race ended: ' . $self->said if !$line;

    wait_for { !DMP::Proc::alive($self->{race}) } 'the end of the race';

    return JSON::PP::decode_json($line);
}


# Whatever still runs.
sub stop
{
    my ($self) = @_;

    $self->stop_gateway($_) for 0, 1;
    DMP::Proc::stop($self->{race}) if $self->{race};
    $self->kill_store;

    if (delete $self->{mounted}) {
        DMP::command('umount', $self->store_folder);
    }
}


sub DESTROY
{
    my ($self) = @_;

    local ($@, $?, $!);

    eval { $self->stop; 1 } or warn $@;
}


# ---------------------------------------------------------------------- verdicts

# Each invariant holds; but: names of those that this fault is known to break.
sub held
{
    my ($result, $name, %but) = @_;

    for my $invariant (@DMP::FaultsCheck::invariants) {
        my @broken = @{ $result->{broken}{$invariant} // [] };

        next if $but{$invariant};

        Test::More::is(scalar @broken, 0,
            "$name: $invariant, $DMP::FaultsCheck::says{$invariant}")
            or Test::More::diag(join "\n", first_of(@broken));
    }

    record($result, $name, but => join ' ', sort keys %but);
}


# A control: without its safety, one of these invariants must be found broken.
sub missed
{
    my ($result, $name, @invariants) = @_;

    my @broken = grep { @{ $result->{broken}{$_} // [] } } @invariants;

    Test::More::ok(scalar @broken, "$name: without its safety it is lost, "
        . "and found out by " . join ' or ', @invariants)
        or Test::More::diag(JSON::PP->new->canonical->encode($result->{broken}));
    Test::More::note("$_: ", first_of(@{ $result->{broken}{$_} })) for @broken;

    record($result, $name, control => 1, found_by => \@broken,
        verdict => @broken ? 'found' : 'MISSED');
}


sub first_of { @_ > 5 ? (@_[0 .. 4], '... ' . @_ . ' in all') : @_ }


# A line of the table: to a file that run.pl reads, and as a note.
sub record
{
    my ($result, $name, %more) = @_;

    my %but = map { $_ => 1 } split ' ', $more{but} // '';
    my $broken = join ' ', grep { !$but{$_} && @{ $result->{broken}{$_} // [] } }
        @DMP::FaultsCheck::invariants;

    my %line = (fault => $result->{fault}, what => $name, runs => 1,
        (map { $_ => $result->{$_} } qw(requests served refused unavailable
            unanswered allowed abandoned lost changes entries seconds)),
        control => 0, safety => $result->{safety}, broken => $broken,
        verdict => $broken ? 'BROKEN' : 'held', %more);

    my $text = JSON::PP->new->canonical->encode(\%line);

    Test::More::note($text);

    if ($ENV{DMP_FAULTS_OUT}) {
        open my $out, '>>', $ENV{DMP_FAULTS_OUT} or die "DMP_FAULTS_OUT: $!\n";
        print $out "$text\n";
        close $out or die "DMP_FAULTS_OUT: $!\n";
    }
}


# Of the clock that the load's logs are kept by.
sub monotonic
{
    return int(1e9 * Time::HiRes::clock_gettime(
        Time::HiRes::CLOCK_MONOTONIC()));
}


# What a failed test leaves to be looked at; the last call of each.
sub done
{
    if (!Test::More->builder->is_passing) {
        DMP::Proc::keep();
        Test::More::diag('left to look at: ' . dir());
    }

    Test::More::done_testing();
}


# "make faults" plays fewer of each than "make faults-long".
sub long { $ENV{DMP_FAULTS_LONG} ? 1 : 0 }
sub times_of { long() ? $_[1] : $_[0] }

1;
