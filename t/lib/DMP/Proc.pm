package DMP::Proc;

# Processes of the tests, their folder, and waiting.  Every process is kept by
# its pid and ended by it; every wait is for a fact, with a deadline.

use strict;
use warnings;

use Cwd ();
use Exporter 'import';
use File::Path ();
use File::Temp ();
use IO::Socket::INET;
use POSIX ();
use Time::HiRes ();

our @EXPORT_OK = qw(root dir wait_for start stop alive slurp free_port keep);

# the repository: this file is t/lib/DMP/Proc.pm
my $root = Cwd::abs_path(__FILE__ =~ s{[^/]*$}{../../..}r);
my $owner = $$;

my ($dir, $keep);
my %process;                       # pid => name


sub root { $root }


# The test file's own folder, short enough for the path of a Unix socket.
sub dir
{
    if (!defined $dir) {
        my ($name) = $0 =~ m{([^/]+?)(?:\.t)?$};

        $dir = File::Temp::tempdir("dmp-$name-XXXXXX", TMPDIR => 1);
        chmod 0755, $dir;
    }

    return $dir;
}


# Calls the function until it returns something true, which is returned.
sub wait_for(&$;$)
{
    my ($fact, $what, $seconds) = @_;

    my $deadline = Time::HiRes::time() + ($seconds // 10);

    for (;;) {
        my $value = $fact->();

        return $value if $value;

        die "waited in vain for $what\n" if Time::HiRes::time() > $deadline;

        Time::HiRes::sleep(0.005);
    }
}


# Starts a program with its output in a file; the pid is ours from then on.
sub start
{
    my ($name, $log, @command) = @_;

    my $pid = fork() // die "fork: $!\n";

    if ($pid == 0) {
        open STDIN, '<', '/dev/null' or POSIX::_exit(126);
        open STDOUT, '>>', $log or POSIX::_exit(126);
        open STDERR, '>&', \*STDOUT or POSIX::_exit(126);

        if (ref $command[0]) {
            eval { $command[0]->(); 1 } or print STDERR $@;
            POSIX::_exit($@ ? 1 : 0);
        }

        exec { $command[0] } @command or do {
            print STDERR "$command[0]: $!\n";
            POSIX::_exit(127);
        };
    }

    $process{$pid} = $name;

    return $pid;
}


sub alive
{
    my ($pid) = @_;

    return waitpid($pid, POSIX::WNOHANG()) == 0 && kill(0, $pid);
}


sub stop
{
    my ($pid, $signal) = @_;

    my $name = delete $process{$pid} or return;

    # it has ended, and its number may be somebody else's by now
    return if !alive($pid);

    # one that a test has stopped could not take the signal
    kill $signal // 'TERM', $pid;
    kill 'CONT', $pid;

    if (!eval { wait_for { !alive($pid) } "the end of $name", 5 }) {
        kill 'KILL', $pid;
        waitpid $pid, 0;
    }
}


sub slurp
{
    my ($file) = @_;

    open my $in, '<:raw', $file or return '';
    local $/;

    return scalar(<$in>) // '';
}


# Outside the range from which the system takes ports of outgoing connections.
sub free_port
{
    for (1 .. 500) {
        my $port = 10000 + int rand 20000;

        return $port if IO::Socket::INET->new(Listen => 1,
            LocalAddr => '127.0.0.1', LocalPort => $port);
    }

    die "no free port\n";
}


# A failed test leaves its folder to be looked at.
sub keep { $keep = 1 }


END {
    if ($$ == $owner) {
        my $failed = $?;
        local $?;

        stop($_) for keys %process;

        if (defined $dir && !$keep && !$failed) {
            File::Path::remove_tree($dir);
        }
    }
}

1;
