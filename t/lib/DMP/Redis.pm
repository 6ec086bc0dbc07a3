package DMP::Redis;

# RESP 2: its bytes, and a client that asks one thing at a time, or several
# before it looks at what they came to.

use strict;
use warnings;

use IO::Socket::INET;
use IO::Socket::UNIX;


sub encode
{
    return join '', '*', scalar @_, "\r\n",
        map { ('$', length $_, "\r\n", $_, "\r\n") } @_;
}


# The length of the first whole value in the buffer from there on, or undef.
sub extent
{
    my ($buffer, $at) = @_;

    $at //= 0;

    my $end = index $$buffer, "\r\n", $at;
    return undef if $end < 0;

    my $type = substr $$buffer, $at, 1;
    my $line = substr $$buffer, $at + 1, $end - $at - 1;
    my $next = $end + 2;

    if ($type eq '$') {
        $next += $line + 2 if $line >= 0;
        return $next <= length $$buffer ? $next : undef;
    }

    if ($type eq '*') {
        for (1 .. $line) {
            $next = extent($buffer, $next) // return undef;
        }
    }

    return $next;
}


# Takes one whole value from the front; errors become DMP::Redis::Error.
sub decode
{
    my ($buffer) = @_;

    $$buffer =~ s/^(.)(.*?)\r\n//s or die "not RESP\n";
    my ($type, $line) = ($1, $2);

    return $line if $type eq '+' || $type eq ':';
    return bless { text => $line }, 'DMP::Redis::Error' if $type eq '-';

    if ($type eq '$') {
        return undef if $line < 0;
        my $value = substr $$buffer, 0, $line, '';
        substr $$buffer, 0, 2, '';
        return $value;
    }

    if ($type eq '*') {
        return undef if $line < 0;
        return [map { scalar decode($buffer) } 1 .. $line];
    }

    die "not RESP: $type$line\n";
}


sub connect
{
    my ($class, $address) = @_;

    my $socket = $address =~ /^unix:(.*)/
        ? IO::Socket::UNIX->new(Peer => $1)
        : IO::Socket::INET->new(PeerAddr => $address);

    return $socket && bless { socket => $socket, in => '' }, $class;
}


sub send
{
    my ($self, @command) = @_;

    my $out = encode(@command);

    while (length $out) {
        my $n = syswrite $self->{socket}, $out;
        die "redis: $!\n" unless defined $n;
        substr $out, 0, $n, '';
    }
}


# Dies on an error reply.
sub receive
{
    my ($self) = @_;

    while (!defined extent(\$self->{in})) {
        sysread $self->{socket}, $self->{in}, 65536, length $self->{in}
            or die "redis closed the connection\n";
    }

    my $value = decode(\$self->{in});

    die "redis: $value->{text}\n" if ref $value eq 'DMP::Redis::Error';

    return $value;
}


# Dies on an error reply.
sub call
{
    my ($self, @command) = @_;

    $self->send(@command);

    return $self->receive;
}

1;
