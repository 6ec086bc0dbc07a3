#!/bin/bash
#
# The test PKI, laid out like IGC-Sante and the older IGC-CPS, with the names
# their test authorities have; every key is made here and worth nothing.
#
#   pki.sh DIR                     makes it, unless DIR is complete and current
#   pki.sh DIR leaf NAME AUTHORITY PROFILE [VARIABLE=VALUE...]   one more leaf
#   pki.sh DIR revoke NAME         takes effect with the authority's next crl
#   pki.sh DIR crl AUTHORITY [OPTION...]   its crl anew, "openssl ca -gencrl"
#   pki.sh DIR crls                crl.pem anew, from those of the authorities
#
# DIR then holds NAME.pem (leaf, then its intermediate), NAME.crt and NAME.key
# for each leaf below; AUTHORITY.crt and AUTHORITY.crl; for the server's side
# clients-ca.pem, crl.pem, server-ca.pem, and production-ca.pem and
# production-crl.pem with the namesakes of the production authorities.
# pki/*.cnf are the profiles, one for each kind of card.

# shellcheck disable=SC2030,SC2031,SC2163    # leaf() exports to its own only

set -Eeuo pipefail

profiles=$(cd "${BASH_SOURCE[0]%/*}" && pwd)/pki
script=$(cd "${BASH_SOURCE[0]%/*}" && pwd)/${BASH_SOURCE[0]##*/}

export OPENSSL_CONF_INCLUDE=$profiles

# OpenSSL wants every variable that a profile names, used or not.
export CA='' SUBJECT='' CARD='' ID='' OTHER_ID='' SN='' GN='' TITLE='' \
       PROFESSION='' SPECIALTY='' ST='' L='' O='' OU='' CN='' PSEUDONYM=''

# those whose certificates the server accepts; "root", "personnes" and
# "organisations" are of the range "fort"
roots='root standard-root elementaire-root gip-root'
intermediates='personnes organisations standard-personnes
               standard-organisations elementaire-organisations
               gip-classe-1 gip-classe-2'

# forger-personnes carries the name of the real intermediate, under a root that
# nobody trusts; production-* the names that the production authorities have.
strangers='forger-root forger-personnes production-root production-personnes'

# a chain that is too long, one above the other
deep='deep-1 deep-2 deep-3 deep-4'

# leaves with a key of their own; all others have the same one
own_keys='morel petit structure server'


# database NAME: what "openssl ca" wants of an authority
database()
{
    mkdir -p "ca/$1/certs"
    : > "ca/$1/index.txt"
    openssl rand -hex 16 > "ca/$1/serial"
    echo 1000 > "ca/$1/crlnumber"
}


# sign AUTHORITY [openssl ca options...]: a request on stdin.  -preserveDN
# keeps the order, the encodings and the multi-valued RDN of the request.
sign()
{
    local ca=$1
    shift

    CA=$ca openssl ca -batch -notext -preserveDN \
        -config "$profiles/authority.cnf" -in /dev/stdin "$@" 2>> "$log"
}


# request KEY PROFILE
request()
{
    openssl req -new -key "$1" -config "$profiles/$2.cnf" 2>> "$log"
}


# authority NAME ISSUER VARIABLE=VALUE...; its own issuer signs itself
authority()
(
    name=$1 issuer=$2
    shift 2

    export SUBJECT=subject "$@"
    how=()

    if [ "$issuer" = "$name" ]; then
        how=(-selfsign)
    fi

    database "$name"

    request "ca/$name.key" authority \
    | sign "$issuer" "${how[@]}" -extensions authority -days 7300 \
           -out "$name.crt"
)


# bundle NAME CERTIFICATE...: writes NAME.pem
bundle()
{
    local name=$1
    shift

    cat "${@/%/.crt}" > "$name.pem"
}


# leaf NAME AUTHORITY PROFILE [VARIABLE=VALUE...]; apart from the profile's
# variables: SUBJECT and EXTENSIONS, sections of it, FROM and UNTIL, dates, KEY
leaf()
(
    name=$1 issuer=$2 profile=$3
    shift 3

    EXTENSIONS=extensions FROM='' UNTIL='' KEY=shared
    export SUBJECT=subject "$@"

    number=$(wc -l < leaves)
    CARD=8025000001/$((2500577000 + number))
    dates=()

    if [ -n "$FROM" ]; then
        dates=(-startdate "$FROM" -enddate "$UNTIL")
    fi

    if [ ! -e "$name.key" ]; then
        cp -p "$KEY.key" "$name.key"
    fi

    request "$name.key" "$profile" \
    | sign "$issuer" -extfile "$profiles/$profile.cnf" \
           -extensions "$EXTENSIONS" "${dates[@]}" -out "$name.crt"

    bundle "$name" "$name" "$issuer"
    echo "$name $issuer" >> leaves
)


# altered NAME AUTHORITY SED: changes bytes of a certificate, all lengths
# staying what they are, and has the authority sign it again.  For what no
# tool lets into a certificate.
altered()
{
    local name=$1 issuer=$2 sed=$3 whole=$1.der tbs=$1.tbs

    openssl x509 -in "$name.crt" -outform DER -out "$whole"
    LC_ALL=C sed -i "$sed" "$whole"

    # a certificate is SEQUENCE (4 bytes) of what is signed, the algorithm,
    # and the signature, the last 256 bytes, with an RSA key of 2048 bits
    openssl asn1parse -inform DER -in "$whole" -strparse 4 -noout -out "$tbs"

    {
        head -c -256 "$whole"
        openssl dgst -sha256 -sign "ca/$issuer.key" "$tbs"
    } | openssl x509 -inform DER -out "$name.crt"

    rm "$whole" "$tbs"
    bundle "$name" "$name" "$issuer"
}


revoke()
{
    local name=$1 issuer

    issuer=$(awk -v name="$name" '$1 == name { i = $2 } END { print i }' leaves)

    if [ -z "$issuer" ]; then
        echo "$0: no leaf $name" >&2
        exit 2
    fi

    CA=$issuer openssl ca -config "$profiles/authority.cnf" \
        -revoke "$name.crt" -crl_reason keyCompromise 2>> "$log"
}


# crl AUTHORITY [openssl ca options...]
crl()
{
    local ca=$1
    shift

    CA=$ca openssl ca -config "$profiles/authority.cnf" -gencrl \
        -out "$ca.crl" "$@" 2>> "$log"
}


crls()
{
    local name

    for name in $roots $intermediates; do
        cat "$name.crl"
    done > crl.pem.new

    mv crl.pem.new crl.pem
}


# All keys at once: making them is most of the time this takes, so that those
# which no test tells apart are the same.
make_keys()
{
    local name

    {
        for name in roots $intermediates strangers server-ca; do
            echo "ca/$name.key 2048"
        done
        for name in $own_keys shared; do
            echo "$name.key 2048"
        done
        echo 'weak.key 1024'
    } | xargs -P "$(nproc)" -L 1 openssl genrsa -out 2>> "$log"

    for name in $roots; do
        cp -p ca/roots.key "ca/$name.key"
    done

    for name in $strangers $deep; do
        cp -p ca/strangers.key "ca/$name.key"
    done
}


make_authorities()
{
    local name above=personnes
    local -a test=(OU='IGC-SANTE TEST') real=(OU=IGC-SANTE)
    local -a older=(SUBJECT=igc_cps)

    authority root root "${test[@]}" CN='TEST AC RACINE IGC-SANTE FORT'
    authority personnes root "${test[@]}" \
              CN='TEST AC IGC-SANTE FORT PERSONNES'
    authority organisations root "${test[@]}" \
              CN='TEST AC IGC-SANTE FORT ORGANISATIONS'

    authority standard-root standard-root "${test[@]}" \
              CN='TEST AC RACINE IGC-SANTE STANDARD'
    authority standard-personnes standard-root "${test[@]}" \
              CN='TEST AC IGC-SANTE STANDARD PERSONNES'
    authority standard-organisations standard-root "${test[@]}" \
              CN='TEST AC IGC-SANTE STANDARD ORGANISATIONS'

    authority elementaire-root elementaire-root "${test[@]}" \
              CN='TEST AC RACINE IGC-SANTE ELEMENTAIRE'
    authority elementaire-organisations elementaire-root "${test[@]}" \
              CN='TEST AC IGC-SANTE ELEMENTAIRE ORGANISATIONS'

    authority gip-root gip-root "${older[@]}" \
              OU='TEST GIP-CPS PROFESSIONNEL'
    authority gip-classe-1 gip-root "${older[@]}" OU='TEST GIP-CPS CLASSE-1'
    authority gip-classe-2 gip-root "${older[@]}" OU='TEST GIP-CPS CLASSE-2'

    authority production-root production-root "${real[@]}" \
              CN='AC RACINE IGC-SANTE FORT'
    authority production-personnes production-root "${real[@]}" \
              CN='AC IGC-SANTE FORT PERSONNES'

    authority forger-root forger-root SUBJECT=other O='FAUSSE AUTORITE' \
              CN='FAUSSE AC RACINE'
    authority forger-personnes forger-root "${test[@]}" \
              CN='TEST AC IGC-SANTE FORT PERSONNES'
    authority server-ca server-ca SUBJECT=other O=TEST CN='TEST AC SERVEURS'

    for name in $deep; do
        authority "$name" "$above" "${test[@]}" CN="TEST AC ${name^^}"
        above=$name
    done
}


doctor=(TITLE=Médecin PROFESSION=10)
morel=(ID=899700218896 SN=MOREL GN=CLAIRE "${doctor[@]}")


make_professionals()
{
    leaf morel personnes cps "${morel[@]}"
    leaf petit personnes cps ID=899700314422 SN=PETIT GN=HUGO "${doctor[@]}"
    leaf roux personnes cps ID=899700451273 SN=ROUX GN=SOPHIE "${doctor[@]}"
    leaf leroy personnes cps ID=899700588637 SN=LEROY GN=MARC "${doctor[@]}"
    leaf pharmacien personnes cps ID=899700610944 SN=FAURE GN=NADIA \
         TITLE=Pharmacien PROFESSION=21
    leaf regulator personnes cps ID=899701100515 SN=SAMU GN=AGATHE \
         "${doctor[@]}"
    leaf adeli personnes cps ID=00B7010446 SN=MASSEUR1044 GN=HONORE \
         TITLE=Masseur-Kinésithérapeute PROFESSION=70

    # no title, no profession: nothing in it says that she is a doctor
    leaf notitle personnes cps SUBJECT=no_title EXTENSIONS=no_profession \
         ID=899700125075 SN=LAMBERT GN=JULIE

    # the profession as text only, as code only, as two that differ
    leaf title-only personnes cps EXTENSIONS=no_profession \
         ID=899701123293 SN=TEXTE GN=SOLENE TITLE=Médecin
    leaf code-only personnes cps SUBJECT=no_title \
         ID=899701146609 SN=CODE GN=SACHA PROFESSION=10
    leaf contradiction personnes cps \
         ID=899701169932 SN=DEUX GN=ALIX TITLE=Médecin PROFESSION=21
    leaf no-card-type personnes cps EXTENSIONS=no_card_type \
         ID=899701192165 SN=SANSTYPE GN=PAUL "${doctor[@]}"

    leaf odd-names personnes cps ID=899701215198 \
         SN='D ÉTÉ, NÉE "BÂTON+MÂT"/SŒUR' GN='ZOÉ=ANNE, LOÏS/MAË' \
         "${doctor[@]}"

    # the members of an RDN are in the order of their lengths: SN, GN, CN
    # above, CN, GN, SN here, and in no order below
    leaf rdn-order personnes cps ID=899701238786 SN=DESCHAMPS-VILLENEUVE \
         GN=MARIE-CHRISTINE "${doctor[@]}"
    leaf rdn-unsorted personnes cps ID=899701261226 SN=MARTIN GN=PIERRE \
         "${doctor[@]}"
    leaf single-valued personnes cps SUBJECT=single_valued \
         ID=899701284566 SN=SEUL GN=YVES "${doctor[@]}"

    leaf cpf personnes cpf ID=899701307847 SN=INTERNE GN=LUCIE PROFESSION=10
    leaf cpf-with-title personnes cpf SUBJECT=with_title \
         ID=899701330179 SN=EXTERNE GN=BASILE TITLE=Médecin PROFESSION=10
}


make_older_cards()
{
    # of the older layout, by the later authority
    leaf old-cps personnes cps-igc-cps \
         ID=899700277017 SN=GIRAUD GN=RENE "${doctor[@]}"

    leaf igc-cps gip-classe-1 cps-igc-cps \
         ID=899701353742 SN=TRAL GN=ADEMIS "${doctor[@]}"
    leaf igc-cps-specialist gip-classe-1 cps-igc-cps SPECIALTY=SM26 \
         EXTENSIONS=with_specialty ID=899701376370 SN=GENERALE GN=IRIS \
         "${doctor[@]}"
    leaf igc-cps-occupational gip-classe-1 cps-igc-cps SPECIALTY=SM25 \
         EXTENSIONS=with_specialty ID=899701399141 SN=TRAVAIL GN=ODILE \
         "${doctor[@]}"
    leaf igc-cps-adeli gip-classe-1 cps-igc-cps \
         ID=00B7010446 SN=MASSEUR1044 GN=HONORE \
         TITLE=Masseur-Kinésithérapeute PROFESSION=70
    leaf igc-cps-contradiction gip-classe-1 cps-igc-cps \
         ID=899701422216 SN=TRIPLE GN=REMY TITLE=Pharmacien PROFESSION=10

    leaf cpa gip-classe-2 cpa ID=500000000029751/CPAT0001 SN=MAITRE0029751 \
         GN=PATRICE OU=300000000029751 L='Paris (75)'
}


make_staff()
{
    local -a pharmacy=(ST='Paris (75)' O='PHARMACIE DE TEST' OU=1760021832)
    local -a caisse=(ST='Sarthe (72)' O='CAISSE DE TEST' OU=2999999990)

    leaf cpe standard-personnes cpe ID=3760021832/000000017 \
         SN=COMPTOIR GN=SIMON "${pharmacy[@]}"
    leaf cpe-anonymous elementaire-organisations cpe-anonymous \
         ID=3760021832/000000018 PSEUDONYM=EMPLOYE000000018 "${pharmacy[@]}"
    leaf cpe-anonymous-persons standard-personnes cpe-anonymous \
         ID=3760021832/000000019 PSEUDONYM=EMPLOYE000000019 "${pharmacy[@]}"
    leaf feeder-cpe standard-personnes cpe ID=4999999990/000000001 \
         SN=GUICHET GN=EVE "${caisse[@]}"
    leaf feeder organisations structure CN='TEST ALIMENTATION' "${caisse[@]}"
}


# One of each form of Struct_IdNat: FINESS twice, SIRET, a technical number.
make_structures()
{
    leaf structure organisations structure ST='Paris (75)' O='CHU DE TEST' \
         OU=1750712184 CN='TEST AUTH CLI CHU'
    leaf structure-finess organisations structure ST='Rhône (69)' \
         O='CENTRE DE SANTE RPPS12718' OU=10B0127189 \
         CN='Certificat Wizard DMP 2019-R2'
    leaf structure-siret standard-organisations structure ST='Sarthe (72)' \
         O='GIE DE TEST' OU=339172288100052 CN=serviceps.example.fr
    leaf structure-technical elementaire-organisations structure \
         ST='Paris (75)' O='CABINET DE TEST' OU=R102671 \
         CN='TEST AUTH CLI R102671'
    leaf centre15 organisations structure ST='Paris (75)' O='SAMU DE TEST' \
         OU=1750000015 CN='TEST AUTH CLI SAMU'
    leaf server server-ca server
}


# What OpenSSL itself refuses, or nginx when told of the lists.
make_refused()
{
    leaf expired personnes cps ID=899700723366 SN=GARNIER GN=LOUIS \
         "${doctor[@]}" FROM=20190101000000Z UNTIL=20220101000000Z
    leaf future personnes cps ID=899700844154 SN=COLIN GN=EMMA \
         "${doctor[@]}" FROM=20400101000000Z UNTIL=20430101000000Z
    leaf revoked personnes cps ID=899700933189 SN=BLANC GN=ALAIN "${doctor[@]}"
    revoke revoked

    leaf forged forger-personnes cps "${morel[@]}"
    leaf production production-personnes cps "${morel[@]}"
    leaf cps-server-ca server-ca cps "${morel[@]}"

    leaf weak-key personnes cps KEY=weak "${morel[@]}"
    leaf signature-card personnes cps-signature "${morel[@]}"
    leaf structure-server organisations structure-server ST='Paris (75)' \
         O='CHU DE TEST' OU=1750712184 CN=dmp.chu.example.fr
    leaf deep-chain deep-4 cps "${morel[@]}"

    cp -p shared.key self-signed.key
    cp -p shared.key issued-by-card.key
    (
        export CARD=8025000001/1 SUBJECT=subject "${morel[@]}"

        openssl req -x509 -new -key self-signed.key -days 3650 \
            -config "$profiles/cps.cnf" -extensions extensions \
            -out self-signed.crt
        request issued-by-card.key cps \
        | openssl x509 -req -CA petit.crt -CAkey petit.key -days 3650 \
            -set_serial "0x$(openssl rand -hex 16)" \
            -extfile "$profiles/cps.cnf" -extensions extensions \
            -out issued-by-card.crt
    ) 2>> "$log"

    bundle self-signed self-signed
    bundle issued-by-card issued-by-card petit personnes
    bundle deep-chain deep-chain deep-4 deep-3 deep-2 deep-1 personnes
}


# What OpenSSL lets pass, so that it is ours to refuse.
make_ours_to_refuse()
{
    local name long

    # the right layout under the wrong chain
    leaf structure-as-person organisations cps "${morel[@]}"
    leaf person-as-structure personnes structure ST='Paris (75)' \
         O='CHU DE TEST' OU=1750712184 CN='TEST AUTH CLI CHU'
    leaf cps-standard standard-personnes cps "${morel[@]}"

    leaf authority-as-card personnes cps-authority "${morel[@]}"

    leaf nul-in-name personnes cps "${morel[@]}" ID=899700218896@TEST
    altered nul-in-name personnes 's/@TEST/\x00TEST/'

    # the numbers of SN and GN, 2.5.4.4 and 2.5.4.42, change places
    altered rdn-unsorted personnes \
            's/\x04\(..MARTIN\)/\x2a\1/; s/\x2a\(..PIERRE\)/\x04\1/'

    long=$(printf 'L%.0s' {1..10000})
    leaf long-name personnes cps "${morel[@]}" SN="$long"
    leaf two-identifiers personnes cps SUBJECT=two_identifiers \
         "${morel[@]}" OTHER_ID=899700314422

    # OpenSSL puts no extension there twice: 111 becomes 7, then 2
    leaf duplicate-profession personnes cps-duplicate EXTENSIONS=profession \
         "${morel[@]}"
    altered duplicate-profession personnes \
            's/\x47\x01\x02\x6f/\x47\x01\x02\x07/'
    leaf duplicate-card-type personnes cps-duplicate EXTENSIONS=card_type \
         "${morel[@]}"
    altered duplicate-card-type personnes \
            's/\x47\x01\x02\x6f/\x47\x01\x02\x02/'

    for name in text truncated trailing large; do
        leaf "profession-$name" personnes cps-malformed EXTENSIONS="$name" \
             "${morel[@]}"
    done

    # a hundred certificates, of which three are of use, and two hundred,
    # which is more than OpenSSL reads (100 kB)
    leaf huge-chain personnes cps "${morel[@]}"
    leaf endless-chain personnes cps "${morel[@]}"
    for name in {1..49}; do
        cat personnes.crt root.crt
    done >> huge-chain.pem
    cat huge-chain.pem huge-chain.pem >> endless-chain.pem
}


make()
{
    local name

    rm -rf .complete ca ./*.crt ./*.key ./*.pem ./*.crl
    : > "$log"
    : > leaves
    mkdir ca

    make_keys
    make_authorities

    make_professionals
    make_older_cards
    make_staff
    make_structures
    make_refused
    make_ours_to_refuse

    for name in $roots $intermediates production-root production-personnes; do
        crl "$name"
    done

    # shellcheck disable=SC2086
    bundle clients-ca $roots $intermediates
    crls
    bundle server-ca server-ca
    bundle production-ca production-root production-personnes
    cat production-root.crl production-personnes.crl > production-crl.pem
}


if [ $# -lt 1 ]; then
    echo "usage: $0 DIR [leaf|revoke|crl|crls ...]" >&2
    exit 2
fi

mkdir -p "$1"
cd "$1"
shift

# what is made anew below must have been made here
if [ ! -e .lock ] && [ -n "$(ls -A)" ]; then
    echo "$0: $PWD is neither empty nor a PKI made here" >&2
    exit 2
fi

# Tests run in parallel: one makes the PKI, the others wait for it.
exec 9> .lock
flock 9

log=$PWD/pki.log
trap 'echo "$0: failed at line $LINENO; see $log" >&2' ERR

case ${1-make} in
make)
    current=$(cat "$script" "$profiles"/*.cnf | sha256sum)

    if [ ! -e .complete ] || [ "$(cat .complete)" != "$current" ]; then
        make
        echo "$current" > .complete
    fi
    ;;

leaf | revoke | crl | crls)
    "$@"
    ;;

*)
    echo "$0: no such command: $1" >&2
    exit 2
    ;;
esac
