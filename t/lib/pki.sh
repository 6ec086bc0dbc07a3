#!/bin/bash
#
# Makes the test PKI: pki.sh DIR.  Laid out like IGC-Sante (range "fort"), with
# the names its test authorities have; every key is made here and worth nothing.
# Does nothing when DIR is already complete, so any test may call it.
#
# DIR then holds NAME.pem (leaf, then its intermediate) and NAME.key for each
# leaf below, and clients-ca.pem, server-ca.pem, crl.pem for the server's side.

set -euo pipefail

if [ $# -ne 1 ]; then
    echo "usage: $0 DIR" >&2
    exit 2
fi

mkdir -p "$1"
cd "$1"

# Tests run in parallel: one makes the PKI, the others wait for it.
exec 9> .lock
flock 9

if [ -e .complete ]; then
    exit 0
fi

log=$PWD/pki.log
trap 'echo "$0: failed at line $LINENO; see $log" >&2' ERR

suffix='/C=FR/O=ASIP-SANTE/OU=0002 187512751/OU=IGC-SANTE TEST'

root_dn="$suffix/CN=TEST AC RACINE IGC-SANTE FORT"
personnes_dn="$suffix/CN=TEST AC IGC-SANTE FORT PERSONNES"
organisations_dn="$suffix/CN=TEST AC IGC-SANTE FORT ORGANISATIONS"

# forger-personnes carries the name of the real intermediate, under a root that
# nobody trusts.
authorities='root personnes organisations forger-root forger-personnes server-ca'

leaves='morel petit roux leroy pharmacien expired future forged structure
        structure-as-person notitle revoked old-cps server'


# One directory per authority is what "openssl ca" wants: database and serials.
configure() {
    local ca=$1

    mkdir -p "ca/$ca/certs"
    : > "ca/$ca/index.txt"
    openssl rand -hex 16 > "ca/$ca/serial"
    echo 1000 > "ca/$ca/crlnumber"

    cat > "ca/$ca/ca.cnf" << EOF
[ ca ]
default_ca = this

[ this ]
dir = ca/$ca
database = ca/$ca/index.txt
new_certs_dir = ca/$ca/certs
serial = ca/$ca/serial
crlnumber = ca/$ca/crlnumber
certificate = $ca.crt
private_key = ca/$ca.key
default_md = sha256
default_days = 3650
default_crl_days = 3650
policy = any
unique_subject = no
string_mask = utf8only
x509_extensions = cps
crl_extensions = crl

[ any ]
commonName = optional

[ authority ]
basicConstraints = critical, CA:TRUE
keyUsage = critical, keyCertSign, cRLSign
subjectKeyIdentifier = hash

[ crl ]
authorityKeyIdentifier = keyid

[ client ]
basicConstraints = critical, CA:FALSE
keyUsage = critical, digitalSignature, keyEncipherment
extendedKeyUsage = clientAuth
subjectKeyIdentifier = hash

# card type, card number, profession
[ cps ]
basicConstraints = critical, CA:FALSE
keyUsage = critical, digitalSignature, keyEncipherment
extendedKeyUsage = clientAuth
subjectKeyIdentifier = hash
1.2.250.1.71.1.2.2 = ASN1:INTEGER:0
1.2.250.1.71.1.2.3 = ASN1:PRINTABLESTRING:8025000001/\${ENV::CARD}
1.2.250.1.71.1.2.7 = ASN1:INTEGER:\${ENV::PROFESSION}

[ cps_no_profession ]
basicConstraints = critical, CA:FALSE
keyUsage = critical, digitalSignature, keyEncipherment
extendedKeyUsage = clientAuth
subjectKeyIdentifier = hash
1.2.250.1.71.1.2.2 = ASN1:INTEGER:0
1.2.250.1.71.1.2.3 = ASN1:PRINTABLESTRING:8025000001/\${ENV::CARD}

[ structure ]
basicConstraints = critical, CA:FALSE
keyUsage = critical, digitalSignature
extendedKeyUsage = clientAuth
subjectKeyIdentifier = hash

[ server ]
basicConstraints = critical, CA:FALSE
keyUsage = critical, digitalSignature, keyEncipherment
extendedKeyUsage = serverAuth
subjectKeyIdentifier = hash
subjectAltName = DNS:localhost, DNS:fhir.test, IP:127.0.0.1, IP:::1
EOF
}


# request KEY SUBJECT -> CSR on stdout
request() {
    openssl req -new -utf8 -key "$1" -subj "$2" -config req.cnf 2>> "$log"
}


# authority NAME SUBJECT [ISSUER]; without issuer it signs itself
authority() {
    local name=$1 subject=$2 issuer=${3-$1}
    local -a how=()

    if [ "$issuer" = "$name" ]; then
        how=(-selfsign)
    fi

    request "ca/$name.key" "$subject" \
    | openssl ca -batch -notext -preserveDN -config "ca/$issuer/ca.cnf" \
                 -extensions authority "${how[@]}" -days 7300 \
                 -in /dev/stdin -out "$name.crt" 2>> "$log"
}


# leaf NAME ISSUER EXTENSIONS SUBJECT [openssl ca options...]; -preserveDN keeps
# the order, the encodings and the multi-valued RDN of the request
leaf() {
    local name=$1 issuer=$2 extensions=$3 subject=$4
    shift 4

    card=$((card + 1))

    request "$name.key" "$subject" \
    | CARD=$card openssl ca -batch -notext -preserveDN \
                 -config "ca/$issuer/ca.cnf" -extensions "$extensions" "$@" \
                 -in /dev/stdin -out "$name.crt" 2>> "$log"

    cat "$name.crt" "$issuer.crt" > "$name.pem"
}


# person PS_IDNAT FAMILY GIVEN [TITLE] -> DN of a card of IGC-Sante
person() {
    echo "/C=FR${4+/title=$4}/CN=$1+SN=$2+GN=$3"
}


: > "$log"
export CARD=0 PROFESSION=10
card=2500577000

cat > req.cnf << 'EOF'
[ req ]
distinguished_name = dn
string_mask = utf8only
utf8 = yes
[ dn ]
EOF

rm -rf ca
mkdir ca

# All keys at once: making them is most of the time this takes.
{
    for name in $authorities; do
        echo "ca/$name.key"
    done
    for name in $leaves; do
        echo "$name.key"
    done
} | xargs -P "$(nproc)" -I{} openssl genrsa -out {} 2048 2>> "$log"

for name in $authorities; do
    configure "$name"
done

authority root "$root_dn"
authority personnes "$personnes_dn" root
authority organisations "$organisations_dn" root
authority forger-root '/C=FR/O=FAUSSE AUTORITE/CN=FAUSSE AC RACINE'
authority forger-personnes "$personnes_dn" forger-root
authority server-ca '/C=FR/O=TEST/CN=TEST AC SERVEURS'

morel=$(person 899700218896 MOREL CLAIRE Médecin)

leaf morel personnes cps "$morel"
leaf petit personnes cps "$(person 899700314422 PETIT HUGO Médecin)"
leaf roux personnes cps "$(person 899700451273 ROUX SOPHIE Médecin)"
leaf leroy personnes cps "$(person 899700588637 LEROY MARC Médecin)"

PROFESSION=21
leaf pharmacien personnes cps "$(person 899700610944 FAURE NADIA Pharmacien)"
PROFESSION=10

leaf expired personnes cps "$(person 899700723366 GARNIER LOUIS Médecin)" \
     -startdate 20190101000000Z -enddate 20220101000000Z
leaf future personnes cps "$(person 899700844154 COLIN EMMA Médecin)" \
     -startdate 20400101000000Z -enddate 20430101000000Z
leaf forged forger-personnes cps "$morel"
leaf revoked personnes cps "$(person 899700933189 BLANC ALAIN Médecin)"

# no title, no profession: nothing in it says that she is a doctor
leaf notitle personnes cps_no_profession \
     "$(person 899700125075 LAMBERT JULIE)"

# as cards of the former IGC-CPS were: profession in OU, and O
leaf old-cps personnes cps \
     '/C=FR/O=TEST/OU=Médecin/CN=899700277017+SN=GIRAUD+GN=RENE'

leaf structure organisations structure \
     '/C=FR/ST=Paris (75)/O=CHU DE TEST/OU=1750712184/CN=TEST AUTH CLI CHU'
leaf structure-as-person organisations cps "$morel"

leaf server server-ca server '/C=FR/O=TEST/CN=localhost'

openssl ca -config ca/personnes/ca.cnf -revoke revoked.crt \
           -crl_reason keyCompromise 2>> "$log"

for name in root personnes organisations; do
    openssl ca -config "ca/$name/ca.cnf" -gencrl -out "$name.crl" 2>> "$log"
done

cat root.crt personnes.crt organisations.crt > clients-ca.pem
cat root.crl personnes.crl organisations.crl > crl.pem
cp server-ca.crt server-ca.pem
chmod 600 ./*.key ca/*.key
rm req.cnf

touch .complete
