module moorage.local/hello

go 1.25
