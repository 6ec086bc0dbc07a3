package FakeHost;

# An HTTP/1.1 host that misbehaves as told, for faults only: what it answers
# to each path is a list of steps.
#
#   my $host = FakeHost->new('/fhir/Binary/1' => FakeHost::truncated(...), ...);
#   $host->{address}          127.0.0.1:PORT
#   $host->requests           heads received, in order
#
#   [send => BYTES]  [wait => SECONDS]  [stall]  [close]
#
# A path is compared without its query; "default" is for any other (404).
# The connection is kept open after the steps, unless they close it.  A sub in
# the place of the list is given the head, and returns the list.

use strict;
use warnings;

use IO::Compress::Gzip ();
use IO::Socket::INET;
use POSIX ();

use DMP::Proc ();

my $count = 0;


sub new
{
    my ($class, %paths) = @_;

    my $base = DMP::Proc::dir() . '/fake-host-' . ++$count;
    my $listen = IO::Socket::INET->new(Listen => 128,
        LocalAddr => '127.0.0.1', LocalPort => 0) or die "fake host: $!\n";

    my $self = bless { base => $base, paths => \%paths,
        address => '127.0.0.1:' . $listen->sockport }, $class;

    $self->{pid} = DMP::Proc::start('the scripted host', "$base.log",
        sub { $self->serve($listen) });

    return $self;
}


sub stop { DMP::Proc::stop($_[0]{pid}) }


sub requests
{
    my ($self) = @_;

    return split /\0/, DMP::Proc::slurp("$self->{base}.requests");
}


# ------------------------------------------------------------------ answers

sub answer
{
    my ($status, $headers, $body) = @_;

    my %h = ('Content-Type' => 'application/fhir+json', %$headers);

    $h{'Content-Length'} //= length $body if $status != 304 && $status != 204;

    return [[send => join "\r\n", "HTTP/1.1 $status Scripted",
        (map { "$_: $h{$_}" } grep { defined $h{$_} } sort keys %h), '', $body]];
}


sub json { answer(200, {}, $_[0]) }


sub gzip
{
    my ($body) = @_;

    IO::Compress::Gzip::gzip(\$body => \my $packed) or die "gzip failed\n";

    return answer(200, { 'Content-Encoding' => 'gzip' }, $packed);
}


# The length of all of it, the first bytes of it, and the end.
sub truncated
{
    my ($body, $bytes) = @_;

    my $steps = answer(200, { 'Content-Length' => length $body },
        substr $body, 0, $bytes);

    return [@$steps, ['close']];
}


# In chunks; with "close" as the last argument the closing chunk is missing.
sub chunked
{
    my ($chunks, $end) = @_;

    my $head = "HTTP/1.1 200 Scripted\r\nContent-Type: application/fhir+json\r\n"
        . "Transfer-Encoding: chunked\r\n\r\n";

    return [[send => $head],
        (map { [send => sprintf "%x\r\n%s\r\n", length $_, $_] } @$chunks),
        $end ? [$end] : [send => "0\r\n\r\n"]];
}


# ------------------------------------------------- below: in its own process

sub serve
{
    my ($self, $listen) = @_;

    my %children;

    $SIG{PIPE} = 'IGNORE';
    $SIG{CHLD} = 'IGNORE';
    $SIG{TERM} = sub { kill 'KILL', keys %children; POSIX::_exit(0) };

    while (my $client = $listen->accept) {
        my $pid = fork() // die "fork: $!\n";

        if ($pid == 0) {
            $SIG{TERM} = 'DEFAULT';
            $self->converse($client);
            POSIX::_exit(0);
        }

        $children{$pid} = 1;
        delete @children{ grep { !kill 0, $_ } keys %children };
    }
}


sub converse
{
    my ($self, $client) = @_;

    my $in = '';

    for (;;) {
        while ($in !~ /\r\n\r\n/) {
            sysread $client, $in, 65536, length $in or return;
        }

        $in =~ s/^(.*?\r\n)\r\n//s;
        my $head = $1;

        my ($length) = $head =~ /^Content-Length: *(\d+)/mi;

        while (length $in < ($length // 0)) {
            sysread $client, $in, 65536, length $in or return;
        }

        substr $in, 0, $length // 0, '';

        open my $log, '>>:raw', "$self->{base}.requests" or return;
        syswrite $log, "$head\0";

        my ($path) = $head =~ /^\S+ ([^ ?]*)/;
        my $steps = $self->{paths}{$path} // $self->{paths}{default}
            // answer(404, {}, '{}');

        $steps = $steps->($head) if ref $steps eq 'CODE';

        for my $step (@$steps) {
            my ($what, $value) = @$step;

            if ($what eq 'send') {
                while (length $value) {
                    my $n = syswrite $client, $value or return;
                    substr $value, 0, $n, '';
                }

            } elsif ($what eq 'wait') {
                select undef, undef, undef, $value;

            } elsif ($what eq 'stall') {
                # until the other side gives up
                1 while sysread $client, my $rest, 65536;
                return;

            } else {
                return;
            }
        }
    }
}

1;
