package DMP::FaultsProxy;

# Stands between gateways and their store, a process of its own, and does to
# the stream what it is told:
#
#   my $proxy = DMP::FaultsProxy->new(to => 'unix:/…' or 'HOST:PORT');
#   $proxy->address           for dmp_redis; with tcp => 1, 127.0.0.1:PORT
#   $proxy->tell('pass')      as if it were not there; what waits goes on
#   $proxy->tell('delay', MIN, MAX)     replies come later, by milliseconds
#   $proxy->tell('partition', WHAT)     "requests", "replies" or "both" wait,
#                             as behind a network that is cut, until "pass"
#   $proxy->tell('refuse')    what is connected ends, and so does what comes
#   $proxy->tell('drop')      what is connected ends
#   $proxy->tell('cut', N)    of the next reply that lets a request through, N
#                             bytes, and the end of that connection
#   $proxy->tell('freeze', HOLD_MIN, HOLD_MAX, STOP_MIN, STOP_MAX, PERIOD)
#                             now and then such a reply waits HOLD, and the
#                             process it is for is stopped for STOP
#                             (milliseconds) as it arrives; Unix sockets only
#   $proxy->status            counts: connections, cuts, freezes, ended, and
#                             waiting (bytes)
#   $proxy->stop
#
# An answer means that it is done.  Order is always kept, as TCP does.

use strict;
use warnings;

use IO::Select;
use IO::Socket::INET;
use IO::Socket::UNIX;
use JSON::PP ();
use POSIX ();
use Socket qw(SOL_SOCKET);
use Time::HiRes ();

use DMP::Proc ();

use constant SO_PEERCRED => 17;

my $count = 0;

my $head = qr/\d+:\d+:[\w-]{43}/;

# an entry that is to let a request through, behind the head that it makes
my $access = qr/($head)\r\n\$\d+\r\n\{"format":1,"kind":"access",[^\r]*"decision":"allow"/;

# the reply to any entry that stands: its id, and the head that it made
my $stands = qr/\$\d+\r\n\d+-\d+ ($head)\r\n/;


sub new
{
    my ($class, %o) = @_;

    my $base = DMP::Proc::dir() . '/proxy' . ++$count;
    my $self = bless { %o, base => $base, mode => 'pass', connections => 0,
        cuts => 0, freezes => 0, ended => 0 }, $class;

    if ($o{tcp}) {
        $self->{address} = '127.0.0.1:' . DMP::Proc::free_port();
        $self->{listen} = IO::Socket::INET->new(Listen => 128, ReuseAddr => 1,
            LocalAddr => $self->{address}) or die "$self->{address}: $!\n";

    } else {
        $self->{address} = "unix:$base.sock";
        $self->{listen} = IO::Socket::UNIX->new(Listen => 128,
            Local => "$base.sock") or die "$base.sock: $!\n";
        chmod 0777, "$base.sock";
    }

    $self->{control} = IO::Socket::UNIX->new(Listen => 8,
        Local => "$base.ctl") or die "$base.ctl: $!\n";
    $self->{pid} = DMP::Proc::start('the proxy', "$base.log",
        sub { $self->serve });

    # the child has them
    close delete $self->{listen};
    close delete $self->{control};

    return $self;
}


sub address { $_[0]{address} }
sub stop { DMP::Proc::stop($_[0]{pid}) }


sub ask
{
    my ($self, @words) = @_;

    my $socket = IO::Socket::UNIX->new(Peer => "$self->{base}.ctl")
        or die "the proxy ended: " . DMP::Proc::slurp("$self->{base}.log");

    print $socket "@words\n";
    $socket->flush;

    my $answer = <$socket> // '';

    $answer =~ s/^ok ?// or die "the proxy: @words: $answer\n";

    return $answer;
}


sub tell { $_[0]->ask(@_[1 .. $#_]); return }
sub status { return JSON::PP::decode_json($_[0]->ask('status')) }


# ------------------------------------------------------------- in the process

sub serve
{
    my ($self) = @_;

    local $SIG{PIPE} = 'IGNORE';
    local $SIG{TERM} = sub { $self->thaw(1); POSIX::_exit(0) };

    for (;;) {
        my (@read, @write);
        my $next;

        push @read, $self->{listen}, $self->{control};

        for my $side ($self->sides) {
            push @read, $side->{socket};

            my $piece = $side->{queue}[0] // next;

            if ($self->waits($side)) {
                next;
            }

            if ($piece->{due} <= now()) {
                push @write, $side->{socket};
            } elsif (!defined $next || $piece->{due} < $next) {
                $next = $piece->{due};
            }
        }

        $next = $self->{wake} if defined $self->{wake}
            && (!defined $next || $self->{wake} < $next);

        my $wait = defined $next ? $next - now() : undef;
        my ($r, $w) = IO::Select->select(IO::Select->new(@read),
            @write ? IO::Select->new(@write) : undef, undef,
            defined $wait && $wait < 0 ? 0 : $wait);

        $self->on_ready($_) for @{ $r // [] };
        $self->on_writable($_) for @{ $w // [] };
        $self->thaw;
    }
}


sub now { Time::HiRes::clock_gettime(Time::HiRes::CLOCK_MONOTONIC()) }
sub sides { grep { !$_->{over} } values %{ $_[0]{side} // {} } }


sub waits
{
    my ($self, $side) = @_;

    return $self->{mode} eq 'partition' && $self->{what} =~
        ($side->{store} ? qr/^(?:requests|both)$/ : qr/^(?:replies|both)$/);
}


sub on_ready
{
    my ($self, $socket) = @_;

    if ($socket == $self->{listen}) {
        $self->take($socket->accept // return);
    } elsif ($socket == $self->{control}) {
        $self->on_control($socket->accept // return);
    } elsif (my $side = $self->{side}{$socket}) {
        $self->on_bytes($side);
    }
}


# Both sides of a new connection.
sub take
{
    my ($self, $client) = @_;

    if ($self->{mode} eq 'refuse') {
        close $client;
        return;
    }

    my $store = $self->{to} =~ /^unix:(.*)/
        ? IO::Socket::UNIX->new(Peer => $1)
        : IO::Socket::INET->new(PeerAddr => $self->{to});

    if (!$store) {
        close $client;
        return;
    }

    my ($pid) = $self->{tcp} ? 0
        : unpack 'i', getsockopt($client, SOL_SOCKET, SO_PEERCRED);

    $_->blocking(0) for $client, $store;

    my $one = { socket => $client, store => 0, queue => [], pid => $pid };
    my $two = { socket => $store, store => 1, queue => [], other => $one };

    $one->{other} = $two;
    $self->{side}{$client} = $one;
    $self->{side}{$store} = $two;
    $self->{connections}++;
}


sub end
{
    my ($self, $side) = @_;

    for my $end ($side, $side->{other}) {
        next if $end->{over}++;
        $self->{holding} = 0 if grep { defined $_->{stop} } @{ $end->{queue} };
        delete $self->{side}{ $end->{socket} };
        close $end->{socket};
    }

    delete $side->{other}{other};
    delete $side->{other};
    $self->{ended}++;
}


# What comes from one side waits to be written to the other.
sub on_bytes
{
    my ($self, $side) = @_;

    return if $side->{over};

    my $n = sysread $side->{socket}, my $bytes, 65536;

    return if !defined $n && $!{EAGAIN};

    # what it still owes is told before its end
    if (!$n) {
        $self->flush($side->{other});
        $self->end($side) if !$side->{over};
        return;
    }

    my $to = $side->{other};
    my $piece = { bytes => $bytes, due => now() };

    if ($side->{store}) {
        $self->change_piece($to, $piece);
    } else {
        $side->{asked}{$1} = 1 while $bytes =~ /$access/g;
    }

    my $last = $to->{queue}[-1];
    $piece->{due} = $last->{due} if $last && $last->{due} > $piece->{due};

    push @{ $to->{queue} }, $piece;
    $self->flush($to);
}


sub between { $_[0] + rand($_[1] - $_[0]) }


# Where the first reply is that lets a request through.
sub permission
{
    my ($to, $bytes) = @_;

    my $at;

    while ($bytes =~ /$stands/g) {
        $at //= $-[0] if delete $to->{asked}{$1};
    }

    return $at;
}


# A piece of replies, in the mode that it comes in.
sub change_piece
{
    my ($self, $to, $piece) = @_;

    my $at = permission($to, $piece->{bytes});

    if ($self->{mode} eq 'delay') {
        $piece->{due} += between(@{ $self->{what} }[0, 1]) / 1000;

    } elsif ($self->{mode} eq 'cut' && defined $at) {
        $piece->{bytes} = substr $piece->{bytes}, 0, $at + $self->{what};
        $piece->{cut} = 1;
        $self->{mode} = 'pass';

    } elsif ($self->{mode} eq 'freeze' && !$self->{frozen}
        && !$self->{holding} && now() >= $self->{again} && defined $at)
    {
        my ($least, $most, $short, $long) = @{ $self->{what} };

        $piece->{due} += between($least, $most) / 1000;
        $piece->{stop} = between($short, $long) / 1000;
        $self->{holding} = 1;
    }
}


sub on_writable
{
    my ($self, $socket) = @_;

    my $side = $self->{side}{$socket};

    $self->flush($side) if $side;
}


sub flush
{
    my ($self, $side) = @_;

    while (!$side->{over} && !$self->waits($side)) {
        my $piece = $side->{queue}[0] // last;

        last if $piece->{due} > now();

        # as it arrives, or when it is there already
        my $stop = delete $piece->{stop};
        my $first = defined $stop && rand() < 0.5;

        $self->freeze($side, $stop) if $first;

        my $n = length $piece->{bytes}
            ? syswrite $side->{socket}, $piece->{bytes} : 0;

        $self->freeze($side, $stop) if defined $stop && !$first;

        last if !defined $n && $!{EAGAIN};

        if (!defined $n) {
            $self->end($side);
            return;
        }

        substr $piece->{bytes}, 0, $n, '';
        last if length $piece->{bytes};

        shift @{ $side->{queue} };

        if ($piece->{cut}) {
            $self->{cuts}++;
            $self->end($side);
        }
    }
}


# The process at the other end, for so many seconds.
sub freeze
{
    my ($self, $side, $seconds) = @_;

    $self->{holding} = 0;

    if ($side->{pid} && kill 'STOP', $side->{pid}) {
        $self->{frozen} = $side->{pid};
        $self->{wake} = now() + $seconds;
        $self->{freezes}++;
    }
}


sub thaw
{
    my ($self, $force) = @_;

    if ($self->{frozen} && ($force || now() >= $self->{wake})) {
        kill 'CONT', delete $self->{frozen};
        delete $self->{wake};
        $self->{again} = now() + ($self->{what}[4] // 0) / 1000
            if ref $self->{what};
    }
}


sub on_control
{
    my ($self, $socket) = @_;

    my ($mode, @more) = split ' ', <$socket> // '';

    if ($mode eq 'status') {
        my $waiting = 0;
        $waiting += length for map { map { $_->{bytes} } @{ $_->{queue} } }
            $self->sides;

        print $socket 'ok ', JSON::PP::encode_json({ waiting => $waiting,
            mode => $self->{mode},
            map { $_ => $self->{$_} } qw(connections cuts freezes ended) }),
            "\n";

        return;
    }

    if ($mode !~ /^(?:pass|delay|partition|refuse|drop|cut|freeze)$/) {
        print $socket "no such mode\n";
        return;
    }

    $self->thaw(1);
    $self->{holding} = 0;
    delete $_->{stop} for map { @{ $_->{queue} } } $self->sides;

    if ($mode eq 'drop' || $mode eq 'refuse') {
        for my $side ($self->sides) {
            $self->end($side) if !$side->{over};
        }
    }

    if ($mode ne 'drop') {
        $self->{mode} = $mode;
        $self->{what} = $mode =~ /^(?:cut|partition)$/ ? $more[0] : \@more;
        $self->{again} = now();
    }

    print $socket "ok\n";
}

1;
