package main

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"time"
)

type certificatesConfig struct {
	Dir          string              `json:"dir"`
	Certificates []certificateConfig `json:"certificates"`
}

type certificateConfig struct {
	Name          string   `json:"name"`
	CommonName    string   `json:"commonName"`
	Organizations []string `json:"organizations"`
	Addresses     []string `json:"addresses"`
	DNSNames      []string `json:"dnsNames"`
}

const lifetime = 365 * 24 * time.Hour

// writeCertificates makes an authority (ca), a service account key pair (sa) and the named certificates, each good
// as client and as server, as NAME.crt and NAME.key. Done again in the same folder it keeps the two keys and makes the
// rest anew: what trusted the authority or holds a token goes on.
func writeCertificates(configPath string) error {
	var c certificatesConfig
	if err := readJSON(configPath, &c); err != nil {
		return err
	}
	authorityKey, err := keepOrMakeKey(c.Dir, "ca")
	if err != nil {
		return err
	}
	authority := template("steward test cluster", nil)
	authority.IsCA, authority.BasicConstraintsValid = true, true
	authority.KeyUsage = x509.KeyUsageCertSign | x509.KeyUsageCRLSign | x509.KeyUsageDigitalSignature
	if err := writeCertificate(c.Dir, "ca", authority, authority, authorityKey.Public(), authorityKey); err != nil {
		return err
	}
	accounts, err := keepOrMakeKey(c.Dir, "sa")
	if err != nil {
		return err
	}
	public, err := x509.MarshalPKIXPublicKey(accounts.Public())
	if err != nil {
		return err
	}
	if err := writePEM(filepath.Join(c.Dir, "sa.pub"), "PUBLIC KEY", public); err != nil {
		return err
	}
	for _, wanted := range c.Certificates {
		key, err := newKey(c.Dir, wanted.Name)
		if err != nil {
			return err
		}
		certificate := template(wanted.CommonName, wanted.Organizations)
		certificate.KeyUsage = x509.KeyUsageDigitalSignature
		certificate.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth, x509.ExtKeyUsageServerAuth}
		certificate.DNSNames = wanted.DNSNames
		for _, address := range wanted.Addresses {
			certificate.IPAddresses = append(certificate.IPAddresses, net.ParseIP(address))
		}
		if err := writeCertificate(c.Dir, wanted.Name, certificate, authority, key.Public(), authorityKey); err != nil {
			return err
		}
	}
	return nil
}

func template(commonName string, organizations []string) *x509.Certificate {
	serial, _ := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	return &x509.Certificate{
		SerialNumber: serial,
		Subject:      pkix.Name{CommonName: commonName, Organization: organizations},
		NotBefore:    time.Now().Add(-time.Hour),
		NotAfter:     time.Now().Add(lifetime),
	}
}

func keepOrMakeKey(dir, name string) (*ecdsa.PrivateKey, error) {
	data, err := os.ReadFile(filepath.Join(dir, name+".key"))
	if os.IsNotExist(err) {
		return newKey(dir, name)
	}
	if err != nil {
		return nil, err
	}
	block, _ := pem.Decode(data)
	if block == nil {
		return nil, fmt.Errorf("%s/%s.key holds no key", dir, name)
	}
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, err
	}
	kept, ok := key.(*ecdsa.PrivateKey)
	if !ok {
		return nil, fmt.Errorf("%s/%s.key is a %T", dir, name, key)
	}
	return kept, nil
}

func newKey(dir, name string) (*ecdsa.PrivateKey, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	data, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, err
	}
	return key, writePEM(filepath.Join(dir, name+".key"), "PRIVATE KEY", data)
}

func writeCertificate(dir, name string, certificate, parent *x509.Certificate, public crypto.PublicKey, signer crypto.Signer) error {
	data, err := x509.CreateCertificate(rand.Reader, certificate, parent, public, signer)
	if err != nil {
		return err
	}
	return writePEM(filepath.Join(dir, name+".crt"), "CERTIFICATE", data)
}

func writePEM(path, kind string, data []byte) error {
	return os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: data}), 0o600)
}
