package SignIn;

# For the tests that attack signing in: requests that start together, tokens
# that nobody but their key's holder could have made, what the store is asked,
# and what it keeps of tries, challenges and sessions.

use strict;
use warnings;

use Digest::SHA ();
use Exporter 'import';
use IO::Socket::SSL;
use JSON::PP ();
use MIME::Base64 qw(encode_base64url decode_base64url);

use DMP ();
use DMP::Proc qw(dir wait_for slurp);
use DMP::Redis ();

our @EXPORT_OK = qw(from call post connected connected_to sent_on together store_ms tries
    forget_tries session_key_of sessions_of token_parts signed_by hs256
    new_key public_key commands_of answered_with statuses log_mark logged);

my $json = JSON::PP->new->canonical->utf8;


# ----------------------------------------------------------------- requests

# For api() and its kind: from another address of this machine.
sub from { return (options => ['--interface', $_[0]]) }


# A TLS connection without a card.
sub connected
{
    my ($address) = @_;

    my $pki = DMP::pki();

    return IO::Socket::SSL->new(
        PeerAddr => '127.0.0.1:' . DMP::tls_port(), SSL_hostname => 'localhost',
        SSL_ca_file => "$pki/server-ca.pem",
        defined $address ? (LocalAddr => $address) : ())
        // die "TLS: $IO::Socket::SSL::SSL_ERROR\n";
}


# The same, to that worker: the others are stopped until it stands.
sub connected_to
{
    my ($worker) = @_;

    my @others = grep { $_ != $worker } DMP::worker_pids();

    kill 'STOP', @others if @others;
    my $socket = eval { connected() };
    my $failed = $@;
    kill 'CONT', @others if @others;

    return $socket // die $failed;
}


# The bytes of a request.
sub call
{
    my ($method, $path, $body, @headers) = @_;

    my $text = ref $body ? $json->encode($body) : $body // '';

    push @headers, 'Content-Type: application/json',
        'Content-Length: ' . length $text if defined $body;

    return join "\r\n", "$method $path HTTP/1.1", 'Host: localhost', @headers,
        '', $text;
}


sub post
{
    my ($path, @more) = @_;

    return call(POST => "/api/$path", @more);
}


# One answer, whole; the connection may go on.
sub sent_on
{
    my ($socket) = @_;

    my $in = '';

    for (;;) {
        if ($in =~ /^(.*?\r\n)\r\n(.*)\z/s) {
            my ($head, $body) = ($1, $2);
            my ($length) = $head =~ /^Content-Length: (\d+)/mi;

            if (!defined $length && $head =~ /^Transfer-Encoding/mi) {
                $length = $body =~ /(?:\A|\n)0\r\n\r\n\z/ ? 0 : 1 + length $body;
            }

            if (!defined $length || length $body >= $length) {
                my ($status) = $head =~ m{^HTTP/1\.1 (\d+)};
                my %headers = $head =~ /^([^:\s]+): (.*?)\r$/mg;

                %headers = map { lc $_ => $headers{$_} } CORE::keys %headers;

                return { status => $status, headers => \%headers, body => $body,
                    json => eval { $json->decode($body) } };
            }
        }

        sysread $socket, $in, 65536, length $in
            or return { status => 0, headers => {}, body => $in };
    }
}


# All connections stand; then all is sent before anything is read, with the
# workers stopped meanwhile: what they find is all of it at once.
sub together
{
    my @requests = @_;

    my @sockets = map { connected() } @requests;
    my @workers = DMP::worker_pids();

    kill 'STOP', @workers;
    syswrite $sockets[$_], $requests[$_] for 0 .. $#requests;
    kill 'CONT', @workers;

    return map { sent_on($_) } @sockets;
}


# How many answers of each status: "200 1, 401 3".
sub statuses
{
    my %n;

    $n{ $_->{status} }++ for @_;

    return join ', ', map { "$_ $n{$_}" } sort { $a <=> $b } CORE::keys %n;
}


sub log_mark { -s DMP::error_log() // 0 }

sub logged
{
    my ($from, $pattern) = @_;

    wait_for { substr(slurp(DMP::error_log()), $from) =~ /$pattern/ }
        "a line: $pattern", 15;
}


# -------------------------------------------------------------------- store

sub store_ms
{
    my ($s, $us) = @{ DMP::redis('TIME') };

    return $s * 1000 + int($us / 1000);
}


# Keys of tries that are counted since somebody last succeeded.
sub tries
{
    return grep { defined DMP::redis('HGET', $_, 'n') }
        @{ DMP::redis('KEYS', 'dmp:attempt:*') };
}


sub forget_tries
{
    my @keys = @{ DMP::redis('KEYS', 'dmp:attempt:*') };

    DMP::redis('DEL', @keys) if @keys;
}


sub token_parts
{
    my ($token) = @_;

    my ($head, $claims) = map { $json->decode(decode_base64url($_)) }
        (split /\./, $token)[0, 1];

    return ($head, $claims);
}


# Where the session of that token is kept: the key and the field.
sub session_key_of
{
    my ($token) = @_;

    my (undef, $claims) = token_parts($token);
    my ($key) = @{ DMP::redis('KEYS', "{dmp:*}:sess:$claims->{sub}") };

    return ($key, $claims->{jti});
}


sub sessions_of
{
    my ($token) = @_;

    my ($key) = session_key_of($token);

    return defined $key ? { @{ DMP::redis('HGETALL', $key) } } : {};
}


# What the store was asked by others than its functions while the code ran,
# in words: the command, the function, the kind of its first key, how many
# arguments.  What gateways write of themselves is left out.
sub commands_of
{
    my ($code) = @_;

    my $monitor = DMP::Redis->connect(DMP::redis_address()) or die "redis\n";
    my $mark = 'mark-' . rand;
    my (@seen, $line);

    $monitor->call('MONITOR');
    $code->();
    DMP::redis('ECHO', $mark);

    while (($line = $monitor->receive) !~ /"\Q$mark\E"/) {
        my ($by, $words) = $line =~ /^\S+ \[\d+ (\S+?)\] (.*)/ or next;
        next if $by eq 'lua';

        my @words = $words =~ /"((?:[^"\\]|\\.)*)"/g;
        my $function = uc $words[0] eq 'FCALL' ? " $words[1]" : '';
        next if $function =~ /dmp1_append/ || $words[0] =~ /^(?:keys|time|echo|info|ping|wait)$/i;

        my ($key) = grep { /dmp:/ } @words;
        my ($kind) = ($key // q{}) =~ /^(?:\{dmp:\d+\}|dmp):(\w+)/;

        push @seen, uc($words[0]) . "$function " . ($kind // '-') . ' ' . @words;
    }

    return @seen;
}


# ------------------------------------------------------------------- tokens

# A key of its own; the files NAME.key and NAME.pub.
sub new_key
{
    my ($name) = @_;

    my $dir = dir() . "/key-$name";

    mkdir $dir or die "$dir: $!\n";
    DMP::dmpctl('keygen', 'session', $dir);

    return "$dir/session.key";
}


# Of a private key, as openssl writes it.
sub public_key
{
    my ($key) = @_;

    my $out = "$key.public";

    DMP::command('openssl', 'pkey', '-in', $key, '-pubout', '-out', $out);

    return $out;
}


# r and s of 32 bytes each, out of what openssl signs with.
sub raw_signature
{
    my ($der) = @_;

    my ($r, $s) = $der =~ /^\x30.\x02(.)/s ? do {
        my $n = ord substr $der, 3, 1;
        my $m = ord substr $der, 5 + $n, 1;
        (substr($der, 4, $n), substr($der, 6 + $n, $m))
    } : die "no signature\n";

    return join '', map { s/^\0+//r =~ s/^(.*)\z/"\0" x (32 - length $1) . $1/ser } $r, $s;
}


# A token of this header and these claims (text, or what JSON is made of).
sub signed_by
{
    my ($key, $head, $claims) = @_;

    my $text = join '.', map { encode_base64url(ref $_ ? $json->encode($_) : $_) }
        $head, $claims;
    my ($in, $out) = map { dir() . "/sign.$_" } qw(in out);

    open my $file, '>:raw', $in or die "$in: $!\n";
    print $file $text;
    close $file or die "$in: $!\n";

    DMP::command('openssl', 'dgst', '-sha256', '-sign', $key, '-out', $out, $in);

    return "$text." . encode_base64url(raw_signature(slurp($out)));
}


sub hs256
{
    my ($secret, $head, $claims) = @_;

    my $text = join '.', map { encode_base64url(ref $_ ? $json->encode($_) : $_) }
        $head, $claims;

    return "$text." . encode_base64url(Digest::SHA::hmac_sha256($text, $secret));
}


# Without what is of each answer its own.
sub answered_with
{
    my ($r) = @_;

    my %headers = %{ $r->{headers} };

    delete @headers{qw(date dmp-trace-id)};

    return $json->encode(\%headers) . ' '
        . $r->{body} =~ s/[0-9a-f]{8}-[-0-9a-f]{27}/ID/r
            =~ s/"challenge":"[^"]+"/"challenge":"…"/r;
}

1;
