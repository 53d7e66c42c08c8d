import Bootstrap
import CommandSupport
import Glibc

// The process that makes a root directory is this program once more.
if RootProcess.isThisProcess { exit(RootProcess.main()) }
GarboardBootstrap.main()
