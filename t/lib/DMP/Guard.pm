package DMP::Guard;

# Reads error.log and names each line that no test may cause: a failed
# invariant, a leaked socket, a sanitizer, a worker killed by a signal.

use strict;
use warnings;

my $forbidden = qr{
    \[ (?: alert | emerg | crit ) \]
    | Sanitizer
    | runtime \s error:
    | \bopen \s socket\b
    | \bexited \s on \s signal\b
}x;


sub new
{
    my ($class, @files) = @_;

    return bless { files => { map { $_ => 0 } @files }, lines => [] }, $class;
}


# Takes in what was written since; a line not yet ended waits for its end.
sub read_on
{
    my ($self) = @_;

    for my $file (sort keys %{ $self->{files} }) {
        open my $in, '<:raw', $file or next;
        seek $in, $self->{files}{$file}, 0;

        while (defined(my $line = <$in>)) {
            last if $line !~ /\n\z/;
            $self->{files}{$file} += length $line;
            push @{ $self->{lines} }, $line;
        }
    }

    return $self->{lines};
}


# The forbidden lines since the last call, less those that match a pattern.
sub verdict
{
    my ($self, @allowed) = @_;

    my @bad;

    $self->read_on;

    for my $line (splice @{ $self->{lines} }) {
        next if $line !~ $forbidden;
        next if grep { $line =~ $_ } @allowed;
        push @bad, $line;
    }

    return @bad;
}

1;
