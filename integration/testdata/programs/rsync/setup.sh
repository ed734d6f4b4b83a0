. "$(dirname "$0")/../tree.sh"
tree source
mkdir older
cp -p source/plain/file1 older/file1
