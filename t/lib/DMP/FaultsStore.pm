package DMP::FaultsStore;

# The store of DMP::Faults, which is one of these: its process, its files, its
# disk, what fsync() does and what clocks say (t/faults/shim.c).

use strict;
use warnings;

use File::Path ();
use JSON::PP ();

use DMP ();
use DMP::Proc qw(root wait_for slurp free_port);
use DMP::Redis ();


sub store_folder { "$_[0]{folder}/store" }
sub store_address { 'unix:' . $_[0]->store_folder . '/sock' }
sub store_tcp { '127.0.0.1:' . ($_[0]{port} //= free_port()) }


# The program and its arguments; more: over those of the rig.
sub store_command
{
    my ($self, $folder, %more) = @_;

    my ($program) = grep { -x } map {
        my $name = $_;
        map { "$_/$name" } split /:/, $ENV{PATH}
    } qw(redis-server valkey-server);

    my %argument = (port => 0, unixsocket => "$folder/sock", dir => $folder,
        save => '', appendonly => 'yes', appendfsync => 'always',
        'no-appendfsync-on-rewrite' => 'no',
        'auto-aof-rewrite-percentage' => 0, 'aof-load-truncated' => 'yes',
        'maxmemory-policy' => 'noeviction', 'enable-debug-command' => 'no',
        unixsocketperm => 777, %{ $self->{store} }, %more);

    return ($program // 'redis-server',
        map { ("--$_", $argument{$_}) } sort keys %argument);
}


# Returns when it has read its files and answers; more: arguments of it.
sub start_store
{
    my ($self, %more) = @_;

    $more{port} = (split /:/, $self->store_tcp)[1] if $self->{tcp};

    my @command = $self->store_command($self->store_folder, %more);

    @command = $self->{run}{store}->(@command) if $self->{run}{store};

    my %env = (%{ $self->{store_env} }, $self->clock_env('store'));

    if ($self->{shim}) {
        $env{LD_PRELOAD} = shim();
        $env{DMP_SHIM_RECORD} = "$self->{folder}/synced";
        $env{DMP_SHIM_CONTROL} = "$self->{folder}/shim";
    }

    unlink $self->store_folder . '/sock';

    $self->{store_pid} = DMP::Proc::start('the store',
        "$self->{folder}/logs/store.log", sub {
            @ENV{keys %env} = values %env;
            exec { $command[0] } @command or die "$command[0]: $!\n";
        });

    wait_for {
        DMP::Proc::alive($self->{store_pid}) or die "the store ended:\n"
            . tail(slurp("$self->{folder}/logs/store.log"));
        $self->store_answers;
    } 'the store', 60;

    return $self->{store_pid};
}


sub store_answers
{
    my ($self) = @_;

    my $client = DMP::Redis->connect($self->store_address) // return 0;

    return eval { $client->call('PING') eq 'PONG' };
}


sub tail { join "\n", grep { defined } (split /\n/, $_[0])[-8 .. -1] }


# As if the power of its process failed; the files stay as they are.
sub kill_store
{
    my ($self) = @_;

    my $pid = delete $self->{store_pid} or return;

    kill 'KILL', $pid;
    wait_for { !DMP::Proc::alive($pid) } 'the end of the store';
    DMP::Proc::stop($pid);
}


# It ended by itself, as it was made to.
sub store_ends
{
    my ($self) = @_;

    my $pid = $self->{store_pid};

    wait_for { !DMP::Proc::alive($pid) } 'the end of the store', 60;
    delete $self->{store_pid};
    DMP::Proc::stop($pid);
}


sub signal_store { kill $_[1], $_[0]{store_pid} or die "the store: $!\n" }


# One command, on a connection of its own.
sub call
{
    my ($self, @command) = @_;

    my $client = DMP::Redis->connect($self->store_address)
        or die "the store cannot be reached\n";

    return $client->call(@command);
}


# The files of its log of commands, the one that grows last.
sub log_files
{
    my ($self) = @_;

    my $folder = $self->store_folder . '/appendonlydir';

    return map { "$folder/$_->[0]" } sort { $a->[1] <=> $b->[1] }
        map { /^\S+\.(\d+)\.incr\.aof$/ ? [$_, $1] : () }
        map { s{.*/}{}r } glob "$folder/*";
}


# What it holds now is looked at in the end as well, though the store may have
# forgotten it by then.
sub remember
{
    my ($self) = @_;

    my $to = "$self->{folder}/kept" . @{ $self->{remembered} };

    $self->copy_files($to);
    push @{ $self->{remembered} }, $to;

    return $to;
}


sub copy_files
{
    my ($self, $to) = @_;

    DMP::command('cp', '-r', $self->store_folder . '/appendonlydir', $to);
}


# The store, stopped, gets these files instead of its own.
sub put_files
{
    my ($self, $from) = @_;

    my $folder = $self->store_folder . '/appendonlydir';

    File::Path::remove_tree($folder);
    DMP::command('cp', '-r', $from, $folder);
}


# A power failure, after the store was killed: of each file only what a
# completed fsync() covers is left.  Returns the number of bytes lost.
sub cut_to_synced
{
    my ($self) = @_;

    my %synced = map { /^(\d+) (\S+)$/ ? ($2, $1) : () }
        split /\n/, slurp("$self->{folder}/synced");
    my $lost = 0;

    $self->remember;

    for my $file ($self->log_files) {
        my $size = -s $file;

        # none was ever completed
        my $keep = $synced{$file} // 0;

        if ($keep < $size) {
            truncate $file, $keep or die "$file: $!\n";
            $lost += $size - $keep;
        }
    }

    return $lost;
}


# What fsync() is to do from now on: shim.c.
sub shim_do
{
    my ($self, $what) = @_;

    my $file = "$self->{folder}/shim";

    open my $out, '>', "$file.new" or die "$file: $!\n";
    print $out $what;
    close $out or die "$file: $!\n";
    rename "$file.new", $file or die "$file: $!\n";
}


# Moves a clock ("store", "gateway0", "gateway1") by so many seconds from what
# it is; the monotonic ones stay.
sub move_clock
{
    my ($self, $whose, $seconds) = @_;

    my $file = "$self->{folder}/clock-$whose";

    # the same file, since it is mapped
    open my $out, -e $file ? '+<' : '>', $file or die "$file: $!\n";
    syswrite $out, pack 'q', $seconds or die "$file: $!\n";
    close $out or die "$file: $!\n";

    return $file;
}


sub clock_env
{
    my ($self, $whose) = @_;

    return if !$self->{clocks};

    return (LD_PRELOAD => shim(),
        DMP_SHIM_CLOCK => $self->move_clock($whose, 0));
}


# Built when it is not there, or old.
sub shim
{
    my $source = root() . '/t/faults/shim.c';
    my $library = root() . '/build/faults-shim.so';

    if (!-e $library || -M $library > -M $source) {
        DMP::command('gcc', qw(-std=c11 -D_GNU_SOURCE -Wall -Wextra -Werror
            -O2 -shared -fPIC -o), "$library.$$", $source, '-ldl');
        rename "$library.$$", $library or die "$library: $!\n";
    }

    return $library;
}


# A file system of its own: "mount", "remount" with another size.
sub disk
{
    my ($self, $what, $options) = @_;

    my $folder = $self->store_folder;

    DMP::command('mount', $what eq 'mount' ? ('-t', 'tmpfs', '-o', $options,
        'tmpfs', $folder) : ('-o', "remount,$options", $folder));
}

1;
