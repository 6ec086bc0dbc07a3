package DMP::Tamper;

# What the owner of a store can do to it without a key, for the tests of those
# who read a trace: looking, taking away, rewriting, and adding to the chain of
# a writer, which needs no key either.

use strict;
use warnings;

use Digest::SHA qw(sha256);
use Exporter 'import';
use MIME::Base64 qw(encode_base64url);

use DMP ();
use DMP::Index ();
use DMP::Proc qw(dir);
use DMP::Writer ();

our @EXPORT = qw($BUCKETS write_file P bucket_of key rec idx version saved
    put_back entries rewrite index_of forge);

our $BUCKETS = 4;


sub write_file
{
    my ($name, @lines) = @_;

    my $file = dir() . "/$name";

    open my $f, '>:raw', $file or die "$file: $!\n";
    print $f @lines;
    close $f or die "$file: $!\n";

    return $file;
}


sub P
{
    my ($ins) = @_;

    return DMP::Index::pseudonym($ins);
}


sub bucket_of { return unpack('C', sha256($_[0])) % $BUCKETS }
sub key { return sprintf '{dmp:%02d}:%s', @_ }
sub rec { return key(bucket_of($_[0]), "rec:$_[0]") }
sub idx { return key(bucket_of($_[0]), "idx:$_[0]") }
sub version { return DMP::redis('HGET', rec($_[0]), 'v') }

# Everything the store holds, to be put back after it was tampered with.
sub saved
{
    my ($pattern) = @_;

    return { map { $_ => DMP::redis('DUMP', $_) } @{ DMP::redis('KEYS', $pattern // '*') } };
}


sub put_back
{
    my ($saved, $pattern) = @_;

    DMP::redis('DEL', $_) for @{ DMP::redis('KEYS', $pattern // '*') };
    DMP::redis('RESTORE', $_, 0, $saved->{$_}) for keys %$saved;
}


# Entries of a bucket: [id, body, outcome].
sub entries
{
    my ($bucket) = @_;

    return map { my %f = @{ $_->[1] }; [$_->[0], $f{b}, $f{o}] }
        @{ DMP::redis('XRANGE', key($bucket, 'trace'), '-', '+') };
}


# Writes a whole stream anew, under the same ids, as if nothing had happened:
# the function changes the list of [id, body, outcome].
sub rewrite
{
    my ($bucket, $change) = @_;

    my @entries = entries($bucket);
    my $was = scalar @entries;

    $change->(\@entries);
    DMP::redis('DEL', key($bucket, 'trace'));
    DMP::redis('XADD', key($bucket, 'trace'), $_->[0], 'b', $_->[1], 'o', $_->[2])
        for @entries;
    DMP::redis('XSETID', key($bucket, 'trace'), $entries[-1][0], 'ENTRIESADDED',
        $was > @entries ? scalar @entries : $was, 'MAXDELETEDID', '0-0') if @entries;
}


# Where an entry stands in its bucket's list.
sub index_of
{
    my ($entries, $entry) = @_;

    return (grep { $entries->[$_][0] eq $entry->{id} } 0 .. $#$entries)[0];
}


# An entry at the end of a writer's chain that it has not written, as the store
# takes it.  members: JSON after the frame.  of: an entry whose frame it has
# but for the sequence; time, ack: others; patient, version: an access.
sub forge
{
    my ($name, $bucket, $kind, $members, %o) = @_;

    my ($last) = grep { $_->[1] =~ /"writer":"\Q$name\E"/ } reverse entries($bucket);
    my ($seq, $epoch, $prev, $head) = (0, 1, "\0" x 32, '');

    if ($last) {
        ($epoch, $seq) = $last->[1] =~ /"epoch":(\d+),"seq":(\d+)/;
        $prev = sha256($last->[1]);
        $head = DMP::head($epoch, $seq, $prev);
    }

    $seq++;

    my $body = sprintf '{"format":1,"kind":"%s","writer":"%s","epoch":%d,"seq":%d,'
        . '"prev":"%s","bucket":%d,"time":"%s","ack":[%d,"%s"],%s}', $kind, $name, $epoch,
        $seq, encode_base64url($prev), $bucket, DMP::Writer::time_of($o{time} // time),
        @{ $o{ack} // [0, 'A' x 22] }, $members;
    my @trace = (key($bucket, 'trace'), key($bucket, "w:$name"), key($bucket, 'closed'));
    my @chain = ($head, DMP::head($epoch, $seq, sha256($body)), $body);
    my $reply = $o{patient}
        ? DMP::redis('FCALL', 'dmp1_trace', 5, rec($o{patient}), $trace[0], idx($o{patient}),
            @trace[1, 2], $o{version}, @chain)
        : DMP::redis('FCALL', 'dmp1_append', 3, @trace, @chain);

    die "@$reply\n" if ref $reply;

    return { body => $body, id => $reply =~ s/ .*//sr, seq => $seq, bucket => $bucket };
}

1;
