package DMP::Connection;

# One connection that a test keeps, over HTTP/1.1 or HTTP/2, to ask again on it
# when something has changed.  Everything blocks, until a deadline.
#
#   my $c = DMP::Connection->open(as => 'morel', http => '2');
#   $c->ask($path)          {status, body}; status 0: it has ended, no answer
#   $c->send($path)         without waiting: returns what answer() wants
#   $c->answer($of)
#   $c->ended               reads until nginx has closed it
#
#   as        name of a certificate of the PKI (none without it)
#   sni       name asked for in the handshake; host, that of requests
#   address   127.0.0.1; port, that of TLS; tls, "TLSv1_2" for that alone
#   socket    one that is connected, and on which the handshake starts now
#
# HTTP/2 is what is needed here and no more: no HPACK table is allowed to the
# server, and of the headers of an answer only the status is read.

use strict;
use warnings;

use IO::Socket::SSL ();

my $seconds = 15;


sub open
{
    my ($class, @options) = @_;

    my %o = (http => '1.1', sni => 'localhost', address => '127.0.0.1',
        port => DMP::tls_port(), @options);

    my $pki = DMP::pki();

    my @tls = (
        SSL_hostname => $o{sni},
        SSL_ca_file => "$pki/server-ca.pem", SSL_verifycn_name => 'localhost',
        ($o{http} eq '2' ? (SSL_alpn_protocols => ['h2']) : ()),
        ($o{tls} ? (SSL_version => $o{tls}) : ()),
        ($o{as} ? (SSL_cert_file => "$pki/$o{as}.pem",
            SSL_key_file => "$pki/$o{as}.key") : ()),
    );

    my $socket = ($o{socket}
        ? IO::Socket::SSL->start_SSL($o{socket}, @tls)
        : IO::Socket::SSL->new(PeerAddr => "$o{address}:$o{port}", @tls))
        or die "TLS: $IO::Socket::SSL::SSL_ERROR\n";

    my $self = bless { socket => $socket, in => '', sent => 0,
        received => 0, answers => {}, http => $o{http},
        host => $o{host} // $o{sni} }, $class;

    if ($o{http} eq '2') {
        ($socket->alpn_selected // '') eq 'h2' or die "no HTTP/2\n";

        # no table, windows as large as can be
        $self->write("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
            . frame(4, 0, 0, pack 'nNnN', 1, 0, 4, 0x7fffffff)
            . frame(8, 0, 0, pack 'N', 0x7fff0000));
    }

    return $self;
}


sub socket { $_[0]{socket} }
sub close { $_[0]{socket}->close }


sub ask
{
    my ($self, $path, %o) = @_;

    return $self->answer($self->send($path, %o));
}


sub send
{
    my ($self, $path, %o) = @_;

    my $host = $o{host} // $self->{host};
    my $n = $self->{sent}++;

    if ($self->{http} ne '2') {
        $self->write("GET $path HTTP/1.1\r\nHost: $host\r\n\r\n");
        return $n;
    }

    # :method GET and :scheme https of the static table, then names of it
    my $block = "\x82\x87" . "\x04" . text($path) . "\x01" . text($host);

    $self->write(frame(1, 0x5, 2 * $n + 1, $block));

    return 2 * $n + 1;
}


sub answer
{
    my ($self, $of) = @_;

    if ($self->{http} eq '2') {
        1 while !$self->{answers}{$of}{done} && $self->read_frame;

    } else {
        $self->{answers}{ $self->{received}++ } = $self->read_answer
            while !$self->{answers}{$of};
    }

    my $a = $self->{answers}{$of};

    return { status => $a->{done} ? $a->{status} : 0, body => $a->{body} // '' };
}


# Whatever else came before the end is kept for answer().
sub ended
{
    my ($self) = @_;

    if ($self->{http} eq '2') {
        1 while $self->read_frame;

    } else {
        1 while $self->more;
    }

    return 1;
}


# ------------------------------------------------------------------- bytes

# To one that nginx has closed nothing can be written: its answer is status 0.
sub write
{
    my ($self, $bytes) = @_;

    local $SIG{PIPE} = 'IGNORE';

    while (length $bytes) {
        my $n = syswrite $self->{socket}, $bytes or return;
        substr $bytes, 0, $n, '';
    }
}


# False at the end of the connection.
sub more
{
    my ($self) = @_;

    local $SIG{ALRM} = sub { die "nothing came for $seconds s\n" };

    alarm $seconds;
    my $n = sysread $self->{socket}, $self->{in}, 65536, length $self->{in};
    alarm 0;

    return $n;
}


# The first bytes of what comes, or undef.
sub take
{
    my ($self, $n) = @_;

    while (length $self->{in} < $n) {
        $self->more or return undef;
    }

    return substr $self->{in}, 0, $n, '';
}


# -------------------------------------------------------------- HTTP/1.1

sub line
{
    my ($self) = @_;

    while ($self->{in} !~ /\n/) {
        $self->more or return undef;
    }

    $self->{in} =~ s/^(.*?)\r?\n//;

    return $1;
}


sub read_answer
{
    my ($self) = @_;

    my ($status) = ($self->line // return {}) =~ m{^HTTP/1\.1 (\d{3})}
        or die "not an answer\n";
    my ($length, $chunked, $body) = (0, 0, '');

    while (length(my $line = $self->line // return {})) {
        $length = $1 if $line =~ /^Content-Length: *(\d+)/i;
        $chunked = 1 if $line =~ /^Transfer-Encoding: *chunked/i;
    }

    if (!$chunked) {
        $body = $self->take($length) // return {};
        return { status => $status, body => $body, done => 1 };
    }

    for (;;) {
        my $size = hex($self->line // return {});

        $body .= $self->take($size) // return {};
        $self->line // return {};

        return { status => $status, body => $body, done => 1 } if $size == 0;
    }
}


# ---------------------------------------------------------------- HTTP/2

sub frame
{
    my ($type, $flags, $stream, $payload) = @_;

    return substr(pack('N', length $payload), 1)
        . pack('CCN', $type, $flags, $stream) . $payload;
}


# A string of HPACK, without Huffman's code; shorter than 16 k.
sub text
{
    my ($text) = @_;

    my $n = length $text;

    return $n < 127 ? chr($n) . $text
        : "\x7f" . ($n - 127 < 128 ? chr($n - 127)
            : chr(($n - 127) % 128 + 128) . chr(($n - 127) >> 7)) . $text;
}


sub status
{
    my ($block) = @_;

    $block =~ s/^\x20//;                         # the table's size: 0

    my ($first, $length, $digits) = unpack 'CCa3', $block;
    my %static = (8, 200, 9, 204, 10, 206, 11, 304, 12, 400, 13, 404, 14, 500);

    return $static{ $first & 0x7f } // die "not a status\n" if $first & 0x80;

    die "not a status\n" if $length != 3 || $digits !~ /^\d{3}$/;

    return $digits;
}


# False at the end of the connection.
sub read_frame
{
    my ($self) = @_;

    my $head = $self->take(9) // return 0;
    my ($high, $low, $type, $flags, $stream) = unpack 'CnCCN', $head;
    my $payload = $self->take(($high << 16) + $low) // return 0;

    $stream &= 0x7fffffff;

    if ($type == 0 || $type == 1) {
        my $a = $self->{answers}{$stream} //= {};

        if ($type == 1) {
            $a->{status} = status($payload);
        } else {
            $a->{body} .= $payload;
        }

        $a->{done} = 1 if $flags & 1;

    } elsif ($type == 3) {
        # reset: whatever came of it is no answer
        $self->{answers}{$stream} = { status => 0, done => 1 };

    } elsif ($type == 4 && !($flags & 1)) {
        $self->write(frame(4, 1, 0, ''));

    } elsif ($type == 6 && !($flags & 1)) {
        $self->write(frame(6, 1, 0, $payload));
    }

    return 1;
}

1;
