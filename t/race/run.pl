#!/usr/bin/env perl
#
# run.pl [NAME=VALUE...]: plays the race once and says what came of it; the
# names are those of t/lib/DMP/Race.pm.  Exit: 0 nothing left after an
# acknowledgement and the logs agree, 1 not so, 3 it could not be played.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";

use DMP;
use DMP::Race;

$| = 1;

my %o = map { /^(\w+)=(.*)$/ ? ($1 => $2) : die "$0: not NAME=VALUE: $_\n" }
    @ARGV;

my $wanted = $o{reads} // 20000;

$o{progress} = sub { printf STDERR "\r%u of %u reads", $_[0], $wanted }
    if -t STDERR;

my $result = eval { DMP::Race::run(%o) };

print STDERR "\n" if $o{progress};

if (!$result) {
    print STDERR "race: $@";
    DMP::Proc::keep();
    print STDERR 'left to look at: ', DMP::Proc::dir(), "\n";
    exit 3;
}

print DMP::Race::report($result);

my $bad = @{ $result->{said} } + @{ $result->{faults} };

if ($bad) {
    DMP::Proc::keep();
    print "left to look at: $result->{folder}\n";
}

exit($bad ? 1 : 0);
