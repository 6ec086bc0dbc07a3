package Patient;

# For the tests of what patients do: a gateway where they can sign in, records
# with accounts, the codes and passwords that were sent, sessions.

use strict;
use warnings;

use Exporter 'import';
use IPC::Open2 ();
use JSON::PP ();
use Test::More;

use DMP ();
use DMP::Proc qw(root);
use Rights qw($Martin $Durand $Paoli $Json $True $False $codec api_request api
    is_answer is_refusal);

our @EXPORT_OK = qw(patients created messages code_of first_password
    signed_in bearer session try_password try_code contact_of me traits);

my $Account = 0;


# A gateway whose API opens sessions; more lines of its http part.
sub patients
{
    my (%more) = @_;

    my $keys = DMP::keys();

    DMP::dmpctl('keygen', 'session', $keys) if !-e "$keys/session.key";

    DMP::configure(redis => DMP::redis_address() . ' timeout=30s',
        http => "dmp_directory_valid 0; dmp_session_key $keys/session.key;"
            . ' dmp_signin_rate ' . ($more{rate} // '10000r/m burst=10000')
            . ';' . ($more{http} // ''),
        location => 'dmp_record_host demo;',
        server => 'location /api/ { dmp_api; dmp_record_host demo;'
            . ' client_max_body_size 0; }');

    DMP::initialise_store();
    DMP::dmpctl('index', 'build', 'http://' . DMP::backend_address() . '/fhir',
        '--host', 'demo', '--policy', DMP::policy(),
        Rights::keys_of('--audit-key', "$keys/audit.key", '--node', 'import'));
}


sub traits
{
    return { family => 'MARTIN', given => 'Jeanne', birthdate => '1985-03-02',
        sex => 'F', @_ };
}


# What a professional sends to create a record.
sub creation
{
    my ($ins, %more) = @_;

    return { ins => $ins, traits => traits(), consent => $True,
        emergency => { bris_de_glace => $True, centre_15 => $True,
            masked => $False },
        contact => { email => 'jeanne@example.fr' }, %more };
}


# The answer to a creation, by that card.
sub created
{
    my ($ins, %more) = @_;

    my $by = delete $more{by} // 'morel';

    return api($by, POST => '/api/records', creation($ins, %more));
}


# ----------------------------------------------------------------- messages

# What the outboxes hold, oldest first; what is sealed is opened.
sub messages
{
    my @all;

    for my $key (@{ DMP::redis('KEYS', '{dmp:*}:outbox') }) {
        for my $item (@{ DMP::redis('XRANGE', $key, '-', '+') }) {
            my %field = @{ $item->[1] };

            $field{id} = $item->[0];
            $field{said} = opened($key, $field{s}) if defined $field{s};
            push @all, \%field;
        }
    }

    return sort { DMP::order($a->{id}) cmp DMP::order($b->{id}) } @all;
}


sub opened
{
    my ($key, $sealed) = @_;

    my $pid = IPC::Open2::open2(my $out, my $in, root() . '/build/unseal',
        DMP::keys() . '/record.key', $key, 's', 1);

    binmode $in;
    print $in $sealed;
    close $in;

    my $text = do { local $/; <$out> };

    waitpid $pid, 0;
    die "a message does not open\n" if $?;

    return $codec->decode($text);
}


# The last one of that kind.
sub last_message
{
    my ($kind) = @_;

    my ($last) = reverse grep { $_->{k} eq $kind } messages();

    return $last;
}


sub code_of { return last_message('code')->{said}{code} }
sub first_password { return last_message('password')->{said}{password} }


# ----------------------------------------------------------------- sessions

sub try_password
{
    my ($identifier, $password, %more) = @_;

    return api('none', POST => '/api/session',
        { identifier => $identifier, password => $password }, %more);
}


sub try_code
{
    my ($challenge, $code, %more) = @_;

    return api('none', POST => '/api/session/code',
        { challenge => $challenge, code => $code }, %more);
}


# A token, for that account.
sub session
{
    my ($identifier, $password) = @_;

    my $r = try_password($identifier, $password);
    die "no challenge: $r->{body}\n" if $r->{status} != 202;

    $r = try_code($r->{json}{challenge}, code_of());
    die "no session: $r->{body}\n" if $r->{status} != 200;

    return $r->{json}{access_token};
}


# A record with an account whose first password was changed, and a session of
# its holder: the identifier, the password, the token.
sub signed_in
{
    my ($ins, %more) = @_;

    my $password = 'une phrase que je retiens ' . ++$Account;
    my $made = created($ins, %more);

    die "not created: $made->{body}\n" if $made->{status} != 201;

    my $identifier = $made->{json}{identifier};
    my $r = try_password($identifier, first_password());

    die "no challenge: $r->{body}\n" if $r->{status} != 202;

    my $challenge = $r->{json}{challenge};

    $r = try_code($challenge, code_of());
    die "no change asked for: $r->{body}\n" if $r->{status} != 403;

    $r = api('none', POST => '/api/session/password',
        { challenge => $challenge, new_password => $password });
    die "no session: $r->{body}\n" if $r->{status} != 200;

    return ($identifier, $password, $r->{json}{access_token});
}


sub bearer { return "Authorization: Bearer $_[0]" }


# An API call on one's own record.
sub me
{
    my ($token, $method, $path, $body, %more) = @_;

    return api('none', $method => "/api/records/me$path", $body, %more,
        headers => [bearer($token), @{ $more{headers} // [] }]);
}

1;
