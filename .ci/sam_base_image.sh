#!/usr/bin/env bash
# Makes a stand-in for the base image of provided:al2023, for machines that reach no registry: busybox, this machine's
# C library and its certificates. Usage: .ci/sam_base_image.sh TAG (needs docker and busybox-static)
set -euo pipefail
tag="$1"
root="$(mktemp -d)"
trap 'rm -rf "$root"' EXIT
libraries=/lib/x86_64-linux-gnu
mkdir -p "$root"/{bin,lib64,lib/x86_64-linux-gnu,etc/ssl/certs,tmp,var/task,var/runtime,opt,usr/bin,root,proc,sys,dev}
cp /bin/busybox "$root/bin/busybox"
for command in sh ls cat chmod mkdir mv cp rm tar env sleep ps; do
  ln -s busybox "$root/bin/$command"
done
cp -L /lib64/ld-linux-x86-64.so.2 "$root/lib64/"
for library in libc.so.6 libm.so.6 libgcc_s.so.1 libdl.so.2 libpthread.so.0 librt.so.1 libnss_dns.so.2 \
  libnss_files.so.2 libresolv.so.2; do
  cp -L "$libraries/$library" "$root/lib/x86_64-linux-gnu/"
done
cp -L /etc/ssl/certs/ca-certificates.crt "$root/etc/ssl/certs/"
printf 'root:x:0:0:root:/root:/bin/sh\nsbx_user1051:x:993:990::/home/sbx_user1051:/bin/sh\n' >"$root/etc/passwd"
printf 'root:x:0:\n' >"$root/etc/group"
printf 'hosts: files dns\n' >"$root/etc/nsswitch.conf"
chmod 1777 "$root/tmp"
tar -C "$root" -c . | docker import --change 'WORKDIR /var/task' --change 'ENV PATH=/usr/bin:/bin' \
  --change 'ENV LAMBDA_TASK_ROOT=/var/task' --change 'ENV LAMBDA_RUNTIME_DIR=/var/runtime' \
  --change 'ENV SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt' - "$tag" >/dev/null
