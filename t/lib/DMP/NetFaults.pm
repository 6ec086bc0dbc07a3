package DMP::NetFaults;

# What fails between stores and gateways, or takes a store's place: replicas of
# the rig's store, sentinels, a relay that leads elsewhere, a network of its
# own.  DMP::Net says more.

use strict;
use warnings;


# ----------------------------------------------------- a follower, of the rig

package DMP::Net::Follower;

use strict;
use warnings;

use DMP::Proc qw(wait_for slurp);

my $followers = 0;


# A replica of the rig's store (DMP::Faults, with tcp => 1), as durable; of:
# HOST:PORT that it follows, where that is not the store's own.
sub new
{
    my ($class, $rig, %o) = @_;

    my $self = bless { rig => $rig, port => DMP::Proc::free_port(),
        folder => "$rig->{folder}/follower" . ++$followers }, $class;

    mkdir $self->{folder} or die "$self->{folder}: $!\n";
    chmod 0777, $self->{folder};

    $self->{pid} = DMP::Proc::start('a follower', "$self->{folder}/log",
        $rig->store_command($self->{folder}, port => $self->{port},
            'repl-diskless-sync-delay' => 0, 'repl-ping-replica-period' => 1),
        '--replicaof', split /:/, $o{of} // $rig->store_tcp);
    $self->wait_in_step;

    return $self;
}


sub address { "127.0.0.1:$_[0]{port}" }


sub call
{
    my ($self, @command) = @_;

    my $client = DMP::Redis->connect("unix:$self->{folder}/sock")
        or die "the follower cannot be reached\n";

    return $client->call(@command);
}


# It has all that the store had when this was asked.
sub wait_in_step
{
    my ($self) = @_;

    my $offset;

    wait_for {
        eval {
            $offset //= number($self->{rig}->call('INFO', 'replication'),
                'master_repl_offset');
            my $info = $self->call('INFO', 'replication');

            $info =~ /master_link_status:up/
                && number($info, 'slave_repl_offset') >= $offset;
        };
    } "the follower (see $self->{folder}/log)", 30;
}


sub number { $_[0] =~ /^\Q$_[1]\E:(\d+)/m ? $1 : die "no $_[1]\n" }


sub freeze { kill 'STOP', $_[0]{pid} }
sub thaw { kill 'CONT', $_[0]{pid} }


sub promote { $_[0]->call('REPLICAOF', 'NO', 'ONE') }


# Becomes the rig's store, at the same place; what that was must have ended.
# Open files and sockets move with their folder.
sub take_over
{
    my ($self) = @_;

    my $rig = $self->{rig};
    my $place = $rig->store_folder;

    rename $place, "$rig->{folder}/was-" . ++$followers or die "$place: $!\n";
    rename $self->{folder}, $place or die "$place: $!\n";

    @$rig{qw(store_pid port)} = @$self{qw(pid port)};
    $self->{folder} = $place;
}


sub stop { DMP::Proc::stop($_[0]{pid}) }


# ----------------------------------------------------------------- sentinels

package DMP::Net::Sentinel;

use strict;
use warnings;

use DMP::Proc qw(root dir wait_for slurp free_port);

my $sentinels = 0;


# A sentinel of that store, "quorum" of which agree on a failover.
sub new
{
    my ($class, $store, $quorum) = @_;

    my $self = bless { host => '127.0.0.1', port => free_port(),
        dir => dir() . '/sentinel' . ++$sentinels }, $class;

    mkdir $self->{dir} or die "$self->{dir}: $!\n";

    my $file = "$self->{dir}/sentinel.conf";

    open my $out, '>', $file or die "$file: $!\n";
    print $out <<"END";
bind 127.0.0.1
port $self->{port}
dir $self->{dir}
protected-mode no
sentinel monitor dmp $store->{host} $store->{port} $quorum
sentinel down-after-milliseconds dmp 1000
sentinel failover-timeout dmp 5000
END
    close $out or die "$file: $!\n";

    $self->{pid} = DMP::Proc::start('a sentinel', "$self->{dir}/log",
        DMP::Net::server_program(), $file, '--sentinel');

    wait_for { eval { $self->call('PING') eq 'PONG' } }
        "the sentinel (see $self->{dir}/log)";

    return $self;
}


sub call { goto &DMP::Net::Store::call }
sub address { "$_[0]{host}:$_[0]{port}" }
sub stop { goto &DMP::Net::Store::stop }


# Returns when it knows the replica and the others.
sub wait_ready
{
    my ($self, $replicas, $others) = @_;

    wait_for {
        my %of = @{ $self->call('SENTINEL', 'MASTER', 'dmp') };

        $of{'num-slaves'} >= $replicas
            && $of{'num-other-sentinels'} >= $others
            && $of{flags} eq 'master';
    } 'the sentinels to know each other', 30;
}


# The port of the primary, as it sees it.
sub primary
{
    my ($self) = @_;

    return $self->call('SENTINEL', 'GET-MASTER-ADDR-BY-NAME', 'dmp')->[1];
}


# ------------------------------------------------------------ a way that moves

package DMP::Net::Way;

use strict;
use warnings;

use IO::Select;
use IO::Socket::INET;

use DMP::Proc qw(dir wait_for slurp);

my $ways = 0;


# A relay of bytes to HOST:PORT, told by what stands in a file:
#
#   pass           both directions
#   up, down       only towards the store, only from it: what comes the other
#                  way is taken and lost
#   hole           neither
#   HOST:PORT      where new connections go from now on; those that stand end
sub new
{
    my ($class, $to) = @_;

    my $base = dir() . '/way' . ++$ways;
    my $listen = IO::Socket::INET->new(Listen => 128,
        LocalAddr => '127.0.0.1', LocalPort => 0) or die "a way: $!\n";
    my $self = bless { base => $base,
        address => '127.0.0.1:' . $listen->sockport }, $class;

    $self->say('to', $to);
    $self->say('how', 'pass');
    $self->{pid} = DMP::Proc::start('a way', "$base.log",
        sub { $self->serve($listen) });

    return $self;
}


sub address { $_[0]{address} }
sub stop { DMP::Proc::stop($_[0]{pid}) }


# Returns when the relay does as it was told.
sub say
{
    my ($self, $what, $value) = @_;

    my $file = "$self->{base}.$what";

    open my $out, '>', "$file.new" or die "$file: $!\n";
    print $out $value;
    close $out or die "$file: $!\n";
    rename "$file.new", $file or die "$file: $!\n";

    return if !$self->{pid};

    wait_for { slurp("$file.seen") eq $value } "the relay to say $value";
}


sub how { $_[0]->say('how', $_[1]) }
sub to { $_[0]->say('to', $_[1]) }


# ------------------------------------------------- below: in its own process

sub serve
{
    my ($self, $listen) = @_;

    my (%pairs, %now);

    $SIG{PIPE} = 'IGNORE';

    for (;;) {
        for my $what ('to', 'how') {
            my $value = slurp("$self->{base}.$what");

            next if $value eq ($now{$what} // '');

            %pairs = () if $what eq 'to';
            $now{$what} = $value;
            open my $seen, '>', "$self->{base}.$what.seen" or die "$!\n";
            print $seen $value;
        }

        my $select = IO::Select->new($listen, map { $_->[0] } values %pairs);

        for my $socket ($select->can_read(0.005)) {
            if ($socket == $listen) {
                accepted(\%pairs, scalar $socket->accept, $now{to});
                next;
            }

            carry(\%pairs, $socket, $now{how});
        }
    }
}


# Each socket knows the other one, and which way its bytes go.
sub accepted
{
    my ($pairs, $down, $to) = @_;

    my $up = IO::Socket::INET->new(PeerAddr => $to, Timeout => 2) or return;

    $pairs->{ fileno $down } = [$down, $up, 'up'];
    $pairs->{ fileno $up } = [$up, $down, 'down'];
}


sub carry
{
    my ($pairs, $from, $how) = @_;

    my $pair = $pairs->{ fileno $from } or return;
    my (undef, $other, $way) = @$pair;
    my $n = sysread $from, my $bytes, 65536;

    if (!$n) {
        delete @$pairs{ fileno $from, fileno $other };
        return;
    }

    return if $how ne 'pass' && $how ne $way;

    while (length $bytes) {
        $n = syswrite $other, $bytes;

        if (!defined $n) {
            delete @$pairs{ fileno $from, fileno $other };
            return;
        }

        substr $bytes, 0, $n, '';
    }
}


# ---------------------------------------------------------------- a namespace

package DMP::Net::Namespace;

use strict;
use warnings;

my $namespaces = 0;
my %made;


# A network of its own, with a cable to ours: 10.231.N.1 here, 10.231.N.2
# there.  It goes when the test ends.
sub new
{
    my ($class) = @_;

    my $n = 1 + ($$ + $namespaces++) % 250;
    my $name = "dmp-$$-$namespaces";
    my $self = bless { name => $name, here => "10.231.$n.1",
        there => "10.231.$n.2", cable => "dmp$n-$namespaces" }, $class;

    ip('netns', 'add', $name);
    $made{$name} = $$;

    ip('link', 'add', "$self->{cable}h", 'type', 'veth', 'peer', 'name',
        "$self->{cable}t");
    ip('link', 'set', "$self->{cable}t", 'netns', $name);
    ip('addr', 'add', "$self->{here}/30", 'dev', "$self->{cable}h");
    ip('link', 'set', "$self->{cable}h", 'up');
    ip('-n', $name, 'addr', 'add', "$self->{there}/30", 'dev',
        "$self->{cable}t");
    ip('-n', $name, 'link', 'set', "$self->{cable}t", 'up');
    ip('-n', $name, 'link', 'set', 'lo', 'up');

    return $self;
}


sub command { ('ip', 'netns', 'exec', $_[0]{name}) }


# Packets that way get lost, as on a cable: they are sent to an Ethernet
# address that nobody has.  "in" and "out" are seen from inside.
sub lose
{
    my ($self, $way) = @_;

    my ($in, @to) = $self->neighbour($way);

    ip(@$in, 'neigh', 'replace', @to, 'lladdr', '02:00:00:00:00:01', 'nud',
        'permanent');
}


sub heal
{
    my ($self, $way) = @_;

    my ($in, @to) = $self->neighbour($way);

    ip(@$in, 'neigh', 'del', @to);
}


sub neighbour
{
    my ($self, $way) = @_;

    return $way eq 'in' ? ([], $self->{there}, 'dev', "$self->{cable}h")
        : (['-n', $self->{name}], $self->{here}, 'dev', "$self->{cable}t");
}


sub ip
{
    my @words = @_;

    my $said = `ip @words 2>&1`;

    die "ip @words: $said" if $? != 0;
}


# Undefined, or why not.
sub why_not
{
    return 'not root' if $> != 0;

    my $said = eval { DMP::Net::Namespace->new->remove; 1 } ? undef : $@;

    return $said;
}


sub remove
{
    my ($self) = @_;

    delete $made{ $self->{name} };
    ip('netns', 'del', $self->{name});
}


END {
    local $?;

    for my $name (grep { $made{$_} == $$ } keys %made) {
        `ip netns del $name 2>&1`;
    }
}


1;
