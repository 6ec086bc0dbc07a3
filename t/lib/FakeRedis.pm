package FakeRedis;

# A Redis in the middle: it passes commands to a real one and answers some of
# them as told, for the faults that a real one does not have on demand.
#
#   my $fake = FakeRedis->new($real,
#       [qr/^FCALL dmp1_trace/, 'stall', when => 'held', times => 1], ...);
#   $fake->address            for dmp_redis, or DMP::Redis->connect
#   $fake->on('held'), off    switches the rules that have that "when"
#   $fake->commands           those received, words joined by spaces
#
# A rule is a regex on the command and an action; the first that fits counts:
#   proxy         as if there were no rule
#   delay SEC     Redis does it, the reply comes late
#   split N       the reply in pieces of N bytes
#   truncate N    N bytes of the reply, then the end of the connection
#   lost          Redis does it, then the connection ends
#   stall         nothing, while the rule is on; then it is done
#   error TEXT    "-TEXT", and Redis knows nothing of it
#   reply BYTES   these bytes, likewise
#   big N         a string of N bytes, likewise
#   close         the end of the connection, likewise
# Commands and replies keep their order: what waits makes all behind it wait.

use strict;
use warnings;

use IO::Select;
use IO::Socket::INET;
use IO::Socket::UNIX;
use Time::HiRes ();

use DMP::Proc ();
use DMP::Redis ();

my $count = 0;

# actions with a value
my %valued = map { $_ => 1 } qw(delay split truncate error reply big);


sub new
{
    my ($class, $real, @rules) = @_;

    my $base = DMP::Proc::dir() . '/fake-redis-' . ++$count;
    my $self = bless { real => $real, base => $base, rules => [] }, $class;

    for my $rule (@rules) {
        my ($match, $action, @rest) = @$rule;
        my $value = $valued{$action} ? shift @rest : undef;

        push @{ $self->{rules} },
            { match => $match, action => $action, value => $value, @rest };
    }

    $self->{listen} = IO::Socket::UNIX->new(Local => "$base.sock",
        Listen => 128) or die "$base.sock: $!\n";
    $self->{pid} = DMP::Proc::start('the scripted Redis', "$base.log",
        sub { $self->serve });
    close delete $self->{listen};

    return $self;
}


sub address { "unix:$_[0]{base}.sock" }

sub stop
{
    my ($self) = @_;

    DMP::Proc::stop($self->{pid});
    unlink "$self->{base}.sock";
}


sub on
{
    my ($self, $name) = @_;

    open my $out, '>', "$self->{base}.on.$name" or die "$name: $!\n";
}


sub off
{
    my ($self, $name) = @_;

    unlink "$self->{base}.on.$name";
}


sub commands
{
    my ($self) = @_;

    return split /\n/, DMP::Proc::slurp("$self->{base}.commands");
}


# ------------------------------------------------- below: in its own process

sub serve
{
    my ($self) = @_;

    $SIG{PIPE} = 'IGNORE';

    open $self->{commands}, '>>', "$self->{base}.commands" or die "$!\n";
    $self->{commands}->autoflush(1);

    my %clients;

    for (;;) {
        my $select = IO::Select->new($self->{listen});

        for my $c (values %clients) {
            $select->add($c->{down}, $c->{up});
        }

        # short: time and switches are looked at as well
        for my $socket ($select->can_read(0.005)) {
            if ($socket == $self->{listen}) {
                my $c = $self->accepted($socket->accept);
                $clients{ fileno $c->{down} } = $c;
                next;
            }

            my ($c) = grep { $_->{down} == $socket || $_->{up} == $socket }
                values %clients;

            read_on($c, $c->{down} == $socket ? 'down' : 'up') if $c;
        }

        for my $key (keys %clients) {
            my $c = $clients{$key};

            $self->commands_of($c);
            replies_of($c);
            $self->send_what_is_due($c);

            delete $clients{$key} if $c->{closed};
        }
    }
}


sub accepted
{
    my ($self, $down) = @_;

    my $real = DMP::Redis->connect($self->{real}) or die "no real Redis\n";

    return { down => $down, up => $real->{socket}, from_down => '',
        from_up => '', queue => [] };
}


sub read_on
{
    my ($c, $side) = @_;

    my $n = sysread $c->{$side}, $c->{"from_$side"}, 65536,
        length $c->{"from_$side"};

    $c->{closed} = 1 if !$n;
}


# Each command becomes a reply to come, at the end of the queue.
sub commands_of
{
    my ($self, $c) = @_;

    while (defined(DMP::Redis::extent(\$c->{from_down}))) {
        my $words = DMP::Redis::decode(\$c->{from_down});
        my $text = join(' ', map { $_ // '' } @$words);

        print { $self->{commands} } $text =~ s/[^ -~]/?/gr, "\n";

        my $rule = $self->rule_for($text);
        my $action = $rule->{action};
        my $reply = { rule => $rule, due => 0, words => $words };

        if ($action eq 'error') {
            $reply->{bytes} = "-$rule->{value}\r\n";

        } elsif ($action eq 'reply') {
            $reply->{bytes} = $rule->{value};

        } elsif ($action eq 'big') {
            $reply->{bytes} = "\$$rule->{value}\r\n" . 'x' x $rule->{value} . "\r\n";

        } elsif ($action eq 'close') {
            $reply->{bytes} = '';

        } else {
            $reply->{to_pass} = 1;
        }

        if ($action eq 'delay') {
            $reply->{due} = Time::HiRes::time() + $rule->{value};
        }

        push @{ $c->{queue} }, $reply;
    }

    # Redis sees them in the order of the client, so none before a stalled one
    for my $reply (@{ $c->{queue} }) {
        last if $reply->{rule}{action} eq 'stall' && !$self->is_released($reply);
        pass_on($c, $reply) if delete $reply->{to_pass};
    }
}


sub is_released
{
    my ($self, $reply) = @_;

    return $reply->{asked}
        || defined $reply->{rule}{when} && !$self->is_on($reply->{rule});
}


sub pass_on
{
    my ($c, $reply) = @_;

    write_all($c, 'up', DMP::Redis::encode(@{ $reply->{words} }));
    $reply->{asked} = 1;
    push @{ $c->{asked} }, $reply;
}


sub rule_for
{
    my ($self, $text) = @_;

    for my $rule (@{ $self->{rules} }) {
        next if $text !~ $rule->{match};
        next if !$self->is_on($rule);
        next if defined $rule->{times} && $rule->{times}-- <= 0;

        return $rule;
    }

    return { action => 'proxy' };
}


sub is_on
{
    my ($self, $rule) = @_;

    return !defined $rule->{when} || -e "$self->{base}.on.$rule->{when}";
}


sub replies_of
{
    my ($c) = @_;

    while (@{ $c->{asked} // [] }
        && defined(my $end = DMP::Redis::extent(\$c->{from_up})))
    {
        my $reply = shift @{ $c->{asked} };
        $reply->{bytes} = substr $c->{from_up}, 0, $end, '';
    }
}


sub send_what_is_due
{
    my ($self, $c) = @_;

    while (my $reply = $c->{queue}[0]) {
        my $rule = $reply->{rule};
        my $action = $rule->{action};

        last if !defined $reply->{bytes} || Time::HiRes::time() < $reply->{due};

        shift @{ $c->{queue} };

        if ($action eq 'split') {
            # every piece is an event of its own for who reads
            for my $piece ($reply->{bytes} =~ /.{1,$rule->{value}}/gs) {
                write_all($c, 'down', $piece);
                select undef, undef, undef, 0.0005;
            }

        } else {
            write_all($c, 'down', $action eq 'truncate'
                ? substr($reply->{bytes}, 0, $rule->{value})
                : $action eq 'lost' ? '' : $reply->{bytes});
        }

        if ($action =~ /^(?:truncate|lost|close)$/) {
            $c->{closed} = 1;
            last;
        }
    }
}


sub write_all
{
    my ($c, $side, $bytes) = @_;

    while (length $bytes) {
        my $n = syswrite $c->{$side}, $bytes;

        if (!defined $n) {
            $c->{closed} = 1;
            return;
        }

        substr $bytes, 0, $n, '';
    }
}

1;
